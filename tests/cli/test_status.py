import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from typer.testing import CliRunner, Result
from typing_extensions import override

from app.access import AccessRules
from app.alerting import SLO_REMOVED, End, EndCode
from app.slo import UNKNOWN_FIGURE, AlertState, Severity
from app.status import AlertView, DataState, HealthState, Problem, ProblemCode, ProblemLevel
from testbed.process import closed_port
from tests.support.api import Served, listening
from tests.support.cli import app
from tests.support.forecasts import an_outlook
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot

PAGING = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")

HEADING = ["SLO", "window", "objective", "SLI", "budget left", "burn 1h", "status", "alerts", "data"]
WORST = ["search-availability:route=/[x]", "30d", "99.9%", "99.8003%", "-99.7%", "2x", "exhausted"]


def status(*args: str) -> Result:
    # pytest-xdist sets COLUMNS for its workers.
    return CliRunner().invoke(app, ["status", *args], env={"COLUMNS": None})


def test_the_least_budget_comes_first_and_the_unknown_last() -> None:
    served = Served.with_snapshots(
        a_snapshot(),
        # Also a long one changes nothing in a pipe.
        an_unmeasured_snapshot(an_slo("dark"), problem=f"no series match {'x' * 300}"),
        a_snapshot(
            an_slo("search"), group=(("route", "/[x]"),), bad=2_000, health=HealthState.EXHAUSTED, alerts=[PAGING]
        ),
    )
    with listening(served.app()) as url:
        result = status("--url", url)

    assert result.exit_code == 0, result.output
    heading, worst, fine, unknown = result.stdout.splitlines()
    assert re.split(r"  +", heading.strip()) == HEADING
    assert re.split(r"  +", worst.strip()) == [*WORST, "page firing", "fresh"]
    assert fine.startswith("checkout-availability ")
    assert re.split(r"  +", unknown.strip())[2:5] == ["99.9%", UNKNOWN_FIGURE, UNKNOWN_FIGURE]
    assert "error: no series match" in unknown


def test_where_reading_needs_a_token_that_of_the_settings_is_sent() -> None:
    served = Served.with_snapshots(a_snapshot())
    served.token, served.rules = "right", AccessRules(anonymous=frozenset())
    with listening(served.app()) as url:
        refused = status("--url", url)
        accepted = CliRunner().invoke(
            app, ["status", "--url", url], env={"COLUMNS": None, "SLOBURN_API_TOKEN": "right"}
        )
    assert (refused.exit_code, "401" in refused.output) == (1, True)
    assert (accepted.exit_code, "checkout-availability" in accepted.stdout) == (0, True)


def test_an_alert_that_was_closed_without_a_recovery_is_said_for_a_day_and_hints_by_their_code() -> None:
    quiet = AlertView(severity=Severity.PAGE, state=AlertState.INACTIVE, since=None, tier=None)
    ended = [
        replace(quiet, ended_at=AS_OF - age, ended=end)
        for age, end in (
            (timedelta(hours=23), SLO_REMOVED),
            (timedelta(hours=25), SLO_REMOVED),
            (timedelta(hours=1), End(code=EndCode.BURN_STOPPED)),
        )
    ]
    snapshots = [a_snapshot(an_slo(name), alerts=[alert]) for name, alert in zip("abc", ended, strict=True)]
    hint = Problem(code=ProblemCode.BAD_NEVER_MATCHED, level=ProblemLevel.HINT, detail="no series has matched")
    snapshots[1:] = [replace(one, problems=(hint,)) for one in snapshots[1:]]
    with listening(Served.with_snapshots(*snapshots).app()) as url:
        result = status("--url", url)
    closed = [line for line in result.stdout.splitlines() if "closed" in line]
    assert result.stdout.splitlines()[-1] == "b-availability, c-availability: hint: bad_never_matched"
    assert closed == ["a-availability: page closed at 2026-02-28 13:00 UTC: the SLO was removed"]


def test_budgets_that_are_forecast_to_be_exhausted_are_said() -> None:
    soon = an_outlook(earliest=AS_OF, expected=AS_OF + timedelta(days=6))
    served = Served.with_snapshots(
        replace(a_snapshot(), forecast=soon),
        replace(a_snapshot(an_slo("lasts")), forecast=an_outlook()),
        replace(a_snapshot(an_slo("gone"), bad=2_000), forecast=soon),
    )
    with listening(served.app()) as url:
        lines = [line for line in status("--url", url).stdout.splitlines() if "expected to be" in line]
    (line,) = lines
    assert line.startswith("checkout-availability: The error budget is expected to be exhausted on 2026-03-07 (")


def test_why_alerts_are_held_back_or_frozen_is_said_once_for_all_that_share_it() -> None:
    held = AlertView(
        severity=Severity.PAGE,
        state=AlertState.SUPPRESSED,
        since=None,
        tier=None,
        reason="1 error in the last 1h; at least 2 are needed to rule out noise",
    )
    frozen = [
        AlertView(severity=severity, state=AlertState.FROZEN, since=AS_OF, tier=None, reason="data is [old]")
        for severity in Severity
    ]
    served = Served.with_snapshots(
        a_snapshot(an_slo("held"), alerts=[held]),
        *(a_snapshot(an_slo(f"dark{number}"), alerts=frozen) for number in range(5)),
    )
    with listening(served.app()) as url:
        table = status("--url", url).stdout.splitlines()
        items = json.loads(status("--url", url, "--format", "json").stdout)["items"]

    assert any(re.match(r"held-availability .* page suppressed +fresh", line) for line in table)
    assert any(re.match(r"dark0-availability .* page frozen, ticket frozen +fresh", line) for line in table)
    assert sorted(table[-2:], reverse=True) == [
        "held-availability: page suppressed: 1 error in the last 1h; at least 2 are needed to rule out noise",
        "dark0-availability, dark1-availability, dark2-availability and 2 more: page and ticket frozen: data is [old]",
    ]
    reasons = {item["service"]: [alert["reason"] for alert in item["alerts"]] for item in items}
    assert reasons["held"] == ["1 error in the last 1h; at least 2 are needed to rule out noise"]
    assert reasons["dark4"] == ["data is [old]"] * 2


def test_an_slo_whose_history_is_being_read_has_no_budget_yet_and_says_how_far_it_is() -> None:
    reading = Problem(
        code=ProblemCode.HISTORY_INCOMPLETE, level=ProblemLevel.WARNING, detail="25% of the history is read"
    )
    new = a_snapshot(an_slo("new"), data=DataState.BACKFILLING, health=HealthState.UNKNOWN)
    with listening(Served.with_snapshots(replace(new, problems=(reading,))).app()) as url:
        text = status("--url", url).stdout
    assert not re.search(r"\b53%", text)
    assert "backfilling: 25% of the history is read" in " ".join(text.split())


def test_machines_get_the_documents_of_every_page() -> None:
    served = Served.with_snapshots(*(a_snapshot(an_slo(f"s{number}")) for number in range(1_001)))
    with listening(served.app()) as url:
        result = status("--url", url + "/", "--format", "json")

    items = json.loads(result.stdout)["items"]
    assert len({item["id"] for item in items}) == 1_001


def test_filters_reach_the_service() -> None:
    served = Served.with_snapshots(a_snapshot(), a_snapshot(an_slo("search")))
    with listening(served.app()) as url:
        chosen = status("--url", url, "--service", "search", "--label", "team=payments", "--format", "json")
        nothing = status("--url", url, "--status", "exhausted")
        wrong = status("--url", url, "--label", "team")

    assert [item["service"] for item in json.loads(chosen.stdout)["items"]] == ["search"]
    assert nothing.stdout == "no SLO matches\n"
    assert wrong.exit_code == 2
    assert "must be written as name=value" in wrong.stderr


def test_a_service_that_is_not_there_is_said_in_one_line() -> None:
    result = status("--url", f"http://127.0.0.1:{closed_port()}")

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "is `sloburn serve` running?" in result.stderr


def test_why_the_service_is_not_healthy_is_said_below_the_table() -> None:
    served = Served.with_snapshots(a_snapshot())
    served.readiness.unhealthy = ["documents and receivers were not reloaded; [the] old ones stay active"]
    with listening(served.app()) as url:
        unhealthy = status("--url", url)
        served.readiness.unhealthy = []
        healthy = status("--url", url)

    assert (unhealthy.exit_code, unhealthy.stdout) == (0, healthy.stdout)
    assert unhealthy.stderr == (
        "sloburn: the service is not healthy: documents and receivers were not reloaded; [the] old ones stay active\n"
    )
    assert healthy.stderr == ""


def test_a_url_that_is_none_is_said() -> None:
    result = status("--url", "localhost:9720")
    assert result.exit_code == 2
    assert "is not a URL" in result.stderr


def test_it_is_whole_at_80_columns() -> None:
    """Ids are folded, and what does not fit beside them is below the table."""
    served = Served.with_snapshots(
        a_snapshot(
            an_slo("a-service-with-a-long-name-of-its-own"),
            group=(("route", "/checkout/payment"),),
            bad=2_000,
            health=HealthState.EXHAUSTED,
            alerts=[PAGING],
        ),
        an_unmeasured_snapshot(an_slo("dark")),
    )
    with listening(served.app()) as url:
        lines = CliRunner().invoke(app, ["status", "--url", url], env={"COLUMNS": "80"}).stdout.splitlines()

    table, below = lines[:-2], lines[-2:]
    assert max(map(len, table)) <= 80
    assert "…" not in "".join(lines)
    assert "".join(line[:24].strip() for line in table[1:-1]) == (
        "a-service-with-a-long-name-of-its-own-availability:route=/checkout/payment"
    )
    assert {"99.9%", "-99.7%", "2x", "exhausted"} <= set(table[1].split())
    assert below[0].endswith("route=/checkout/payment: page firing")
    assert below[1].startswith("dark-availability: data error: ")


@contextmanager
def answering(body: bytes, code: int = 200) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_answer_of_something_else_is_said() -> None:
    for body, code in (
        (b"<html>hello</html>", 200),
        (b"[]", 200),
        (b'{"items": 1}', 200),
        (b"404 page not found", 404),
    ):
        with answering(body, code) as url:
            result = status("--url", url)
        assert result.exit_code == 1
        assert "is not Sloburn" in result.stderr
