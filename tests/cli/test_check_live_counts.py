"""`sloburn check --live` of services that count in intervals."""

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.cli import app
from tests.support.fake_count_services import (
    ACCOUNT,
    API_KEY,
    APPLICATION_KEY,
    USER_KEY,
    Events,
    FakeDatadog,
    FakeNewRelic,
)

_SLOS = """
service: shop
slos:
  - {name: dd, source: dd, objective: 99, window: 7d, sli: {datadog: {total: TOTAL, bad: "sum:failed{*}.as_count()"}}}
  - name: idle
    source: dd
    objective: 99
    window: 7d
    sli: {datadog: {total: "sum:idle{*}.as_count()", bad: "sum:failed{*}.as_count()"}}
  - name: nr
    source: nr
    objective: 99
    window: 7d
    sli: {newrelic: {total: SELECT count(*) FROM requests, good: SELECT count(*) FROM failed}}
  - name: refused
    source: nr
    objective: 99
    window: 7d
    sli: {newrelic: {total: SELECT count(*) FROM requests, bad: SELECT sum(x) FROM failed}}
""".replace("TOTAL", '"sum:requests{*}.as_count()"')


def test_each_service_says_what_it_has_of_the_last_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which query is refused, counts nothing, or has its parts swapped; and that keys are not accepted."""
    now = time.time()
    held = [Events(name="requests", tags={}, at=now - 3_600, many=10), Events(name="failed", tags={}, at=now - 3_600)]
    for name, value in (("API", API_KEY), ("APPLICATION", APPLICATION_KEY), ("USER", USER_KEY)):
        monkeypatch.setenv(f"{name}_KEY", value)
    with FakeDatadog() as datadog, FakeNewRelic() as newrelic:
        for fake in (datadog, newrelic):
            fake.held.events, fake.held.now = held, now
        keys = "api_key_env: API_KEY, application_key_env: APPLICATION_KEY"
        of_newrelic = f"account_id: {ACCOUNT}, user_key_env: USER_KEY"
        (tmp_path / "sloburn.yaml").write_text(
            f"sources:\n  - {{name: dd, kind: datadog, url: '{datadog.url}', {keys}}}\n"
            f"  - {{name: nr, kind: newrelic, url: '{newrelic.url}', {of_newrelic}}}\n"
        )
        (tmp_path / "slos.yaml").write_text(_SLOS)
        arguments = ["check", "--live", "--config", str(tmp_path / "sloburn.yaml"), "--format", "json"]
        result = CliRunner().invoke(app, [*arguments, str(tmp_path / "slos.yaml")])
        found = json.loads(result.stdout)
        said = {(one["subject"], one["code"]) for kind in ("errors", "warnings", "hints") for one in found[kind]}
        assert {
            ("shop-idle", "no_series"),
            ("shop-nr", "mostly_bad"),
            ("shop-refused", "query_rejected"),
        } <= said
        assert {code for slo, code in said if slo == "shop-dd"} <= {"no_runbook", "no_receiver"}
        (figures,) = [one for one in found["live"] if one["slo"] == "shop-dd"]
        assert (figures["events_a_day"], figures["sli"]) == (10.0, 0.9)
        monkeypatch.setenv("API_KEY", "revoked")
        again = json.loads(CliRunner().invoke(app, [*arguments, str(tmp_path / "slos.yaml")]).stdout)
        assert ("shop-dd", "source_unanswered") in {(one["subject"], one["code"]) for one in again["errors"]}
        assert "revoked" not in str(again)
