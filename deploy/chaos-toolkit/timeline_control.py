"""A control of Chaos Toolkit that puts experiments on Sloburn's timeline, where each shows what it cost.

Put it where Python finds it (`PYTHONPATH`), and name it in an experiment:

    "controls": [{"name": "timeline", "provider": {"type": "python", "module": "timeline_control",
      "arguments": {"url": "${sloburn_url}", "service": "${service}"}}}]

The token is that of `SLOBURN_EVENTS_TOKEN`, else of `SLOBURN_API_TOKEN`. An experiment goes on where the report fails;
one that the steady state keeps from starting is not reported.
"""

import json
import logging
import os
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger("chaostoolkit")
_begun: dict[str, dict[str, Any]] = {}


def before_method_control(
    context: Any,  # noqa: ARG001  the toolkit's name
    experiment: dict[str, Any],
    url: str,
    service: str,
    environment: str = "",
) -> None:
    """Report that an experiment begins."""
    _begun[service] = {
        "id": uuid.uuid4().hex,
        "source": "chaostoolkit",
        "kind": "experiment",
        "service": service,
        "environment": environment,
        "title": experiment.get("title", "Chaos experiment"),
        "started_at": datetime.now(UTC).isoformat(),
        "status": "in_progress",
    }
    _report(url, _begun[service])


def after_experiment_control(
    context: Any,  # noqa: ARG001  the toolkit's name
    state: Any,
    url: str,
    service: str,
    environment: str = "",  # noqa: ARG001  all functions have the same arguments
) -> None:
    """Report how it has ended: one that deviated, or was interrupted, has failed."""
    event = _begun.pop(service, None)
    if event is None:
        return
    completed = isinstance(state, dict) and state.get("status") == "completed" and not state.get("deviated")
    status = "succeeded" if completed else "failed"
    _report(url, {**event, "finished_at": datetime.now(UTC).isoformat(), "status": status})


def _report(url: str, event: dict[str, Any]) -> None:
    token = os.environ.get("SLOBURN_EVENTS_TOKEN") or os.environ.get("SLOBURN_API_TOKEN", "")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    address, body = f"{url.rstrip('/')}/api/v1/events", json.dumps(event).encode()
    request = urllib.request.Request(address, data=body, headers=headers)  # noqa: S310  of the experiment
    try:
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  of the experiment
    except (OSError, ValueError) as error:
        logger.warning("Sloburn has not got the report of the experiment: %s", error)
