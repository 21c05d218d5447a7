"""A document that changes while its alert fires: what receivers get is no all-clear unless the data shows one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from app.alerting import EndCode, Notification
from app.prometheus import TimedOutError
from app.slo import AlertState, Slo
from app.store.outbox import mark_done, waiting
from app.wording.annotations import annotations
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running

AT = 1_772_323_200.0
HOUR = 3600.0
BURNS_FROM, CHANGED = AT + 2 * HOUR, AT + 2.25 * HOUR
TOTAL, BAD = 'http_requests_total{job="web"}', 'http_requests_total{job="web",code=~"5.."}'
SLI = {"total": TOTAL, "bad": BAD}
MISSPELT = {"total": TOTAL, "bad": 'http_requests_total{job="web",status=~"5.."}'}


def served(until: float = AT + 6 * HOUR) -> list[Series]:
    """Half of all requests fail from hour 2 on until *until*; another counter counts the same."""
    span, burst = (AT, AT + 8 * HOUR), ((BURNS_FROM, until), 1.0)
    return [
        counter({**labels, "__name__": name}, span, per_second=rate, bursts=bursts)
        for name in ("http_requests_total", "gateway_requests_total")
        for labels, rate, bursts in ((requests("web"), 1.0, []), (requests("web", "500"), 0.0, [burst]))
    ]


def web(folder: Path, sli: Mapping[str, object] = SLI, by: Sequence[str] = (), **changes: object) -> Sequence[Slo]:
    slo: dict[str, object] = {"name": "availability", "objective": 99.9, "window": "30d"}
    slo |= {"sli": sli, "alerting": {"ticket": "off", "no_data_for": "off"}}
    slo |= {"by": list(by)} if by else {}
    return slos([{"service": "web", "slos": [slo | changes]}], folder)


def paged(folder: Path, series: Sequence[Series], by: Sequence[str] = ()) -> Running:
    live = Running(web(folder, by=by), MemorySource(series), folder / "a.db")
    live.tick(AT + 1.9 * HOUR)
    live.backfill(AT + 1.9 * HOUR)
    live.tick(*np.arange(BURNS_FROM, CHANGED, 60))
    assert [one.status.value for one in notified(live)] == ["firing"]
    return live


def notified(live: Running) -> list[Notification]:
    """What the receiver has got since the last time."""
    with live.database.begin() as tx:
        entries = waiting(tx, "pager")
        mark_done(tx, [entry.id for entry in entries], at=entries[-1].created_at) if entries else None
    return [entry.notification for entry in entries]


def go_on(live: Running, since: float, until: float) -> None:
    live.tick(since)
    live.backfill(since)
    live.tick(*np.arange(since + 60, until, 60))


CHANGES: list[tuple[dict[str, object], EndCode]] = [
    ({"objective": 90}, EndCode.OBJECTIVE_CHANGED),
    # A total outage burns at 2 at most: there is no page of such an SLO.
    ({"objective": 50}, EndCode.OBJECTIVE_CHANGED),
    (
        {"alerting": {"ticket": "off", "page": {"tiers": [{"long": "1h", "short": "5m", "factor": 900}]}}},
        EndCode.RULES_CHANGED,
    ),
    ({"alerting": {"page": "off", "ticket": "off"}}, EndCode.SWITCHED_OFF),
]


@pytest.mark.parametrize(("changes", "code"), CHANGES)
def test_a_page_that_ends_with_its_document_says_what_was_changed(
    changes: dict[str, object], code: EndCode, tmp_path: Path
) -> None:
    with paged(tmp_path, served()) as live:
        live.slos = web(tmp_path, **changes)  # type: ignore[arg-type]
        live.restart()
        go_on(live, CHANGED, CHANGED + 0.4 * HOUR)
        (end,) = notified(live)
    assert (end.status.value, end.end_code, end.recovered) == ("resolved", code, False)
    assert "no longer burning" not in annotations(end)["summary"]
    assert "not a recovery" in annotations(end)["description"]


def test_a_misspelt_selector_ends_no_page_for_an_hour_and_then_says_why(tmp_path: Path) -> None:
    with paged(tmp_path, served()) as live:
        live.slos = web(tmp_path, MISSPELT)
        live.restart()
        go_on(live, CHANGED, CHANGED + 0.9 * HOUR)
        (alert,) = live.snapshot("web-availability").alerts
        assert notified(live) == []
        assert (alert.state, alert.firing) == (AlertState.FROZEN, True)
        assert str(alert.reason).startswith("its SLI was changed, and the new one cannot be trusted yet: ")
        assert 'http_requests_total{job="web",status=~"5.."}' in str(alert.reason)
        live.restart()
        go_on(live, CHANGED + 0.9 * HOUR, CHANGED + 1.3 * HOUR)
        (end,) = notified(live)
        (alert,) = live.snapshot("web-availability").alerts
    assert (end.end_code, end.recovered) == (EndCode.SLI_CHANGED, False)
    assert alert.ended is not None
    assert (alert.state, alert.ended.code) == (AlertState.INACTIVE, EndCode.SLI_CHANGED)


def test_a_corrected_selector_in_time_goes_on_with_the_same_page(tmp_path: Path) -> None:
    with paged(tmp_path, served(AT + 3 * HOUR)) as live:
        for number, sli in enumerate((MISSPELT, SLI)):
            live.slos = web(tmp_path, sli)
            live.restart()
            go_on(live, CHANGED + number * 0.1 * HOUR, CHANGED + (number + 1) * 0.1 * HOUR)
            assert notified(live) == []
        go_on(live, CHANGED + 0.2 * HOUR, AT + 3.6 * HOUR)
        (end,) = notified(live)
    assert (end.end_code, end.recovered) == (EndCode.BURN_STOPPED, True)


def test_a_changed_sli_that_burns_goes_on_and_recovers_by_itself(tmp_path: Path) -> None:
    total, bad = (selector.replace("http_", "gateway_") for selector in (TOTAL, BAD))
    with paged(tmp_path, served(AT + 3 * HOUR)) as live:
        live.slos = web(tmp_path, {"total": total, "bad": bad})
        live.restart()
        go_on(live, CHANGED, AT + 3.6 * HOUR)
        (end,) = notified(live)
    assert (end.end_code, end.recovered) == (EndCode.BURN_STOPPED, True)


def test_a_changed_sli_of_a_metric_that_has_just_begun_is_not_trusted_yet(tmp_path: Path) -> None:
    """A recording rule or a renamed metric without history, in the middle of an outage."""
    since = CHANGED - 60
    young = [
        counter({**requests("web", code), "__name__": "new_requests_total"}, (since, AT + 8 * HOUR), per_second=rate)
        for code, rate in (("200", 1.0), ("500", 0.0001))
    ]
    sli: dict[str, object] = {"total": "new_requests_total", "bad": 'new_requests_total{code="500"}'}
    with paged(tmp_path, [*served(), *young]) as live:
        live.slos = web(tmp_path, sli)
        live.restart()
        go_on(live, CHANGED, CHANGED + 0.8 * HOUR)
        assert notified(live) == []
        assert live.snapshot("web-availability").alerts[0].state is AlertState.FROZEN


def test_a_group_waits_for_the_series_of_its_changed_sli(tmp_path: Path) -> None:
    """Nothing has come of it yet: that a member is gone is not known."""
    with paged(tmp_path, served(), by=["job"]) as live:
        source = live.source
        live.slos = web(tmp_path, MISSPELT, by=["job"])
        live.source = MemorySource([])
        live.restart()
        live.tick(*np.arange(CHANGED, CHANGED + 600, 60))
        assert notified(live) == []
        live.restart()
        live.tick(*np.arange(CHANGED + 600, CHANGED + 660, 60))
        live.source = source
        live.slos = web(tmp_path, by=["job"])
        live.restart()
        go_on(live, CHANGED + 660, CHANGED + 0.4 * HOUR)
        assert notified(live) == []
        assert live.snapshot("web-availability:job=web").alerts[0].state is AlertState.FIRING


def test_a_group_that_the_changed_sli_does_not_have_ends_for_that_reason(tmp_path: Path) -> None:
    other = {"total": 'gateway_requests_total{job!="web"}', "bad": 'gateway_requests_total{job!="web",code="500"}'}
    series = [*served(), counter({**requests("desk"), "__name__": "gateway_requests_total"}, (AT, AT + 8 * HOUR))]
    with paged(tmp_path, series, by=["job"]) as live:
        live.slos = web(tmp_path, other, by=["job"])
        live.restart()
        live.tick(CHANGED, CHANGED + 60)
        assert notified(live) == []
        live.backfill(CHANGED + 60)
        live.tick(CHANGED + 120)
        (end,) = notified(live)
    assert (end.end_code, end.recovered) == (EndCode.SLI_CHANGED, False)


@pytest.mark.parametrize("changes", [{}, {"sli": MISSPELT}])
def test_while_the_queries_of_an_slo_time_out_its_page_ends_by_nothing_that_reads_as_recovery(
    changes: dict[str, object], tmp_path: Path
) -> None:
    """Those of others are answered; its errors have ended meanwhile, and its document may change."""
    live = paged(tmp_path, served(until=CHANGED))
    source, back = live.source, CHANGED + 2400
    assert isinstance(source, MemorySource)

    def times_out(expr: str) -> None:
        if '"web"' in expr:
            raise TimedOutError("no answer within 10 s")

    with live:
        source.fault = times_out
        other = slos([availability("other")], tmp_path / "other")
        live.slos = [*web(tmp_path / "changed", **changes), *other]  # type: ignore[arg-type]
        live.restart()
        live.tick(*np.arange(CHANGED, back, 120))
        assert not any(_is_all_clear(one) for one in notified(live))
        source.fault = lambda _expr: None
        go_on(live, back, back + 1.5 * HOUR)
        assert live.snapshot("web-availability").data != "stale"
        # Of a selector of bad events that matches nothing no recovery is seen.
        assert any(map(_is_all_clear, notified(live))) == (not changes)


def _is_all_clear(notification: Notification) -> bool:
    return notification.end_code is not None and notification.end_code.recovered
