"""Prometheus goes away from under many SLOs: people get one message, and another when it is back."""

import json
import time
from pathlib import Path

from testbed.stack import document, stack
from testbed.timeline import Sight
from tests.support.scripted_server import Scripted

NAMES = tuple(f"availability-{number}" for number in range(40))


def test_a_prometheus_that_is_away_is_one_message_and_its_return_another(tmp_path: Path) -> None:
    """Alertmanager, which groups by itself, is told of every SLO."""
    file = tmp_path / "sloburn.yaml"
    with Scripted() as hook:
        hooked = {"name": "hook", "webhook": {"url": hook.url}}
        file.write_text(json.dumps({"receivers": [hooked], "default": ["hook"]}))
        checkout = document("checkout", names=NAMES)
        for slo in checkout["slos"]:
            slo["alerting"] |= {"no_data_for": "10s"}
        with stack(tmp_path, documents=[checkout], env={"SLOBURN_CONFIG": str(file)}) as running:
            running.shop.opens()
            running.wait_until(running.sees("data", "fresh", slo_id=f"checkout-{NAMES[0]}"))
            # A slow start may have been told of already: what came before there was data is over by then.
            over = Sight("nothing fires", lambda: not hook.bodies or hook.bodies[-1]["status"] == "resolved")
            running.wait_until(over)
            before = len(hook.requests)
            running.prometheus.kill()
            running.wait_until(Sight("people are told", lambda: len(hook.requests) > before))
            told = Sight("Alertmanager is told of each", lambda: len(running.sink.alerts) >= len(NAMES))
            running.wait_until(told)
            running.prometheus.start()
            back_again = Sight("people are told of its return", lambda: len(hook.requests) > before + 1)
            running.wait_until(back_again)
            time.sleep(8)
        gone, back = hook.bodies[before:]
    assert (gone["status"], len(gone["alerts"])) == ("firing", len(NAMES))
    assert (back["status"], len(back["alerts"])) == ("resolved", len(NAMES))
    assert gone["commonLabels"]["alertname"] == "SLODataUnavailable"
    causes = {alert["annotations"]["summary"].partition(": ")[2] for alert in gone["alerts"]}
    assert len(causes) == 1
    assert "Prometheus gives none (cannot reach http://127.0.0.1:" in causes.pop()
    ends = [alert["annotations"]["summary"].endswith("data is back") for alert in back["alerts"]]
    assert ends == [True] * len(NAMES)
