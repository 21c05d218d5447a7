"""schemathesis against the API: no request that fits its description, or misses it, gets an answer that does not.

`SLOBURN_SOAK` multiplies the random requests of each operation, four in `make test`. `make soak` also sends what is on
the bounds of the description: 3,300 requests.

Source: https://schemathesis.readthedocs.io
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.adjustments import Adjustment, AdjustmentCategory, AdjustmentEffect, AdjustmentSelector
from app.alerting import Transition, TransitionKind
from app.changes import Change, ChangeKind
from app.policy import GateException
from app.slo import AlertState, Cause, Severity
from app.status import AlertView
from app.store.dead_letters import DeadLetter
from tests.support.api import Served, listening
from tests.support.incidents import ended
from tests.support.notifications import firing
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot
from tests.support.soak import IS_SOAK, SOAK

_EXAMPLES = 4 * SOAK
_PHASES = "examples,coverage,fuzzing,stateful" if IS_SOAK else "fuzzing,stateful"
_SEED = 20_261_126
_CONFIG = Path(__file__).with_name("schemathesis.toml")
_TOKEN = "right"  # noqa: S105  a made-up token


@pytest.fixture
def url() -> Iterator[str]:
    """A service with an SLO that fires, a group with odd values, one that was never measured, and a dead letter."""
    page = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
    blind = AlertView(
        severity=Severity.TICKET, state=AlertState.FIRING, since=AS_OF, tier="no data", cause=Cause.NO_DATA
    )
    grouped = an_slo("search", by=("route",))
    served = Served.with_snapshots(
        a_snapshot(alerts=[page]),
        a_snapshot(grouped, group=(("route", "/find\n"),), alerts=[blind]),
        a_snapshot(grouped, group=(("route", 'ü"%2F/history'),), bad=5_000.0),
        an_unmeasured_snapshot(an_slo("cart")),
    )
    told = firing("checkout-availability", starts_at=AS_OF)
    served.board.set_notifications({told.key: told})
    served.incidents.record(told, ended(told))
    served.alerts.transitions = [
        Transition(
            at=AS_OF, slo=told.slo, severity=Severity.PAGE, kind=TransitionKind.FIRED, incident="5eed", tier="1h"
        )
    ]
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    served.deliveries.given = [
        DeadLetter(
            id=7,
            receiver="oncall",
            alert_key=told.key,
            status="firing",
            created_at=at,
            ended_at=at,
            attempts=3,
            error="400 invalid event",
        )
    ]
    served.gate.keep(
        GateException(
            id="5eed",
            reason="a demo",
            owner="ada",
            created_at=AS_OF,
            starts_at=AS_OF,
            ends_at=AS_OF + timedelta(hours=1),
        )
    )
    served.incidents.changes.add(
        Change(id="9b1c", source="ci", kind=ChangeKind.DEPLOY, service="checkout", started_at=at, finished_at=at)
    )
    upgrade = Adjustment(
        id="ad57",
        effect=AdjustmentEffect.EXCLUDE,
        category=AdjustmentCategory.MAINTENANCE,
        reason="Database upgrade",
        author="ada",
        start=datetime(2026, 3, 1, 2, 0),  # noqa: DTZ001  wall-clock time of its zone
        duration=timedelta(hours=2),
        selector=AdjustmentSelector(everything=True),
    )
    served.incidents.adjustments.save([upgrade], action="added", author="ada")
    served.token = _TOKEN
    with listening(served.app()) as address:
        yield address


@pytest.mark.soak
def test_every_answer_is_what_the_description_says(url: str, tmp_path: Path) -> None:
    """Statuses, types, headers and schemas; refusals of what does not fit; 405 with `Allow`; none without a token."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFIG), "run", f"{url}/openapi.json"]
    flags = [
        f"--max-examples={_EXAMPLES}",
        f"--phases={_PHASES}",
        f"--seed={_SEED}",
        f"--header=Authorization: Bearer {_TOKEN}",
    ]

    done = subprocess.run(
        [*command, *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    operations = sum(map(len, Served().app().openapi()["paths"].values()))
    # All but the stream, whose answer has no end.
    assert f"Tested: {operations - 1}\n" in done.stdout
