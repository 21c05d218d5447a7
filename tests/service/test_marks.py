"""What charts have beside their series: marks of incidents and single transitions, and forecasts."""

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from app.alerting import Transition, TransitionKind
from app.budget.forecast import NoForecast
from app.service.adapters.chart_adapters import EnginePasts
from app.service.adapters.impatient_reads import ImpatientReads
from app.slo import Severity, SloId
from app.status import Board, IncidentMemory
from app.store.alerts import append_transitions
from tests.support.incidents import MINUTE, KeptIncidents, burning, ended
from tests.support.notifications import START

if TYPE_CHECKING:
    from app.service.engine import Engine


def test_single_transitions_are_marks_beside_the_incidents_that_they_neither_begin_nor_end() -> None:
    kept, page = KeptIncidents(), burning()
    kept.record(page)
    kept.record(ended(page))
    suppressed, frozen = (
        Transition(
            slo=page.slo,
            severity=Severity.PAGE,
            kind=kind,
            at=page.starts_at + after,
            incident=incident,
            tier="1h/5m",
            reason=reason,
        )
        for kind, after, incident, reason in (
            (TransitionKind.SUPPRESSED, -5 * MINUTE, None, "1 error in the last 1h"),
            (TransitionKind.FROZEN, 3 * MINUTE, page.incident, "no data"),
        )
    )
    with kept.database.begin() as tx:
        append_transitions(tx, [suppressed, frozen])
    engine = cast("Engine", SimpleNamespace(documents=SimpleNamespace(slos=()), adjustments=SimpleNamespace(all=())))
    pasts = EnginePasts(engine, ImpatientReads(kept.database), Board(), IncidentMemory())
    marks = pasts.marks([page.slo], START - timedelta(hours=1), START + timedelta(hours=1))
    assert [(mark.kind, mark.at, mark.path) for mark in marks] == [
        ("transition", suppressed.at, None),
        ("page", page.starts_at, "/incidents/5f2d"),
        ("transition", frozen.at, "/incidents/5f2d"),
    ]
    assert marks[0].title == "The page is suppressed: 1 error in the last 1h"


def test_a_forecast_is_computed_once_for_all_who_ask_after_an_evaluation() -> None:
    computed: list[SloId] = []
    engine = cast("Engine", SimpleNamespace(own_past=computed.append, stored_past=lambda _: None))
    board = Board()
    pasts = EnginePasts(engine, ImpatientReads(KeptIncidents().database), board, IncidentMemory())
    for slo in ("a", "a", "b", "a"):
        assert pasts.forecast(SloId(slo)) is NoForecast.NO_DATA
    assert computed == ["a", "b"]
    board.publish([])
    pasts.forecast(SloId("a"))
    assert computed == ["a", "b", "a"]
