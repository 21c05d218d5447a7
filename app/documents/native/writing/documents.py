"""SLOs as entries of native documents, one document for each service."""

from collections.abc import Mapping
from dataclasses import replace

from app.documents.native.parts import WITHOUT_ALERTS, aggregate_of
from app.documents.native.writing.alerting import written_alerting, written_labels
from app.documents.native.writing.scalars import written_percent, written_points
from app.documents.native.writing.slis import written_sli
from app.sli import Composite, SeveralSources, TimeSlices
from app.slo import (
    DEFAULT_SOURCE,
    CalendarWindow,
    RollingWindow,
    Sla,
    Sli,
    SliceRule,
    Slo,
    SloId,
    Window,
    WithoutEvents,
    format_duration,
)
from app.yamldoc.tree import BooleanText
from app.yamldoc.writing import Written, given, written_number


def written_slo(slo: Slo, slos: Mapping[SloId, Slo]) -> dict[str, Written]:
    """The entry of an SLO below `slos`; *slos* are all.

    Raises:
        NotExpressibleError: no native document can say what it counts.
    """
    of_slices = slo.sli if isinstance(slo.sli, TimeSlices) else None
    sli = slo.sli if of_slices is None else of_slices.of
    return given(
        {
            "name": slo.name,
            "id": None if slo.id == f"{slo.service}-{slo.name}" else str(slo.id),
            "description": slo.description,
            "objective": written_percent(slo.objective),
            "sla": None if slo.sla is None else _sla(slo.sla),
            "window": _window(slo.window),
            "source": _sources(sli),
            "sli": written_sli(sli.from_source(DEFAULT_SOURCE), slos),
            "time_slices": None if of_slices is None else _slices(of_slices.rule),
            "by": list(sli.by),
            **written_labels(slo.labels),
            "alerting": written_alerting(slo.alerting, slo.window, slo.objective),
        }
    )


def _sources(sli: Sli) -> Written | None:
    if isinstance(sli, SeveralSources):
        return list(sli.sources)
    # That of a composite is the default one: its components have theirs.
    return None if sli.source == DEFAULT_SOURCE else sli.source


def written_aggregate(group: Slo, slo: Slo) -> Written | None:
    """What `aggregate` of a group says, if that is what an SLO is; None if it is not."""
    aggregate = aggregate_of(group, slo.objective, slo.alerting)
    if not group.sli.by or not isinstance(slo.sli, Composite) or replace(slo, sli=slo.sli.unresolved) != aggregate:
        return None
    keys: dict[str, Written] = {}
    if slo.objective != group.objective:
        keys["objective"] = written_percent(slo.objective)
    if slo.alerting != WITHOUT_ALERTS:
        keys["alerting"] = written_alerting(slo.alerting, slo.window, slo.objective)
    return keys or BooleanText("true")


def _sla(sla: Sla) -> Written:
    contract = written_percent(sla.contract)
    return {"contract": contract, "penalty_free": written_points(sla.penalty_free)} if sla.penalty_free else contract


def _window(window: Window) -> Written:
    if isinstance(window, RollingWindow):
        return format_duration(window.duration)
    return _calendar(window)


def _calendar(window: CalendarWindow) -> Written:
    return given(
        {
            "calendar": str(window.unit),
            "timezone": None if window.timezone == "UTC" else window.timezone,
            "every": None if window.every == 1 else written_number(window.every),
            "start": None if window.start is None else window.start.isoformat(sep=" "),
        }
    )


def _slices(rule: SliceRule) -> Written:
    return given(
        {
            "length": format_duration(rule.length),
            "target": None if rule.target is None else written_percent(rule.target),
            "without_events": None if rule.without_events is WithoutEvents.IGNORED else str(rule.without_events),
        }
    )
