"""What the address of the page of alerts asks for; what cannot be read is left out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeVar

from typing_extensions import override

from app.alerting import TransitionKind
from app.slo import LATEST, Severity, SloId
from app.status import IncidentState
from app.store.alerts import TransitionFilter
from app.store.incident_notes import IncidentMark
from app.store.incidents import IncidentFilter
from app.ui.filters import FilterQuery
from app.ui.forms import chosen_day, chosen_number, chosen_value

UNMARKED = "none"
TRANSITIONS = "transitions"
_OF_INCIDENTS = ("service", "slo", "label", "severity", "state", "mark", "start", "end")
_OF_TRANSITIONS = ("slo", "severity", "kind", "start", "end")
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery(FilterQuery):
    """The filters of the *view*, by default that of incidents. *before* is where a page of it begins."""

    choices: ClassVar[Mapping[str, Collection[str]]] = {
        "severity": tuple(Severity),
        "state": tuple(IncidentState),
        "mark": (*IncidentMark, UNMARKED),
        "kind": tuple(TransitionKind),
    }
    view: str = ""
    service: str = ""
    slo: str = ""
    label: str = ""
    severity: str = ""
    state: str = ""
    mark: str = ""
    kind: str = ""
    start: str = ""
    end: str = ""
    before: str = ""

    @property
    @override
    def filters(self) -> Sequence[str]:
        return _OF_TRANSITIONS if self.view == TRANSITIONS else _OF_INCIDENTS

    @property
    def incidents(self) -> IncidentFilter:
        """The incidents that it asks for."""
        state = chosen_value(IncidentState, self.state)
        name, _, value = self.label.partition("=")
        return IncidentFilter(
            services=_given(self.service),
            slos=_given(self.slo),
            labels=frozenset({(name, value)} if name and value else ()),
            severities=_chosen(Severity, self.severity),
            active=None if state is None else state is IncidentState.ACTIVE,
            marks=_chosen(IncidentMark, self.mark),
            unmarked=self.mark == UNMARKED,
            since=chosen_day(self.start),
            until=chosen_day(self.end, ends=True),
        )

    @property
    def transitions(self) -> TransitionFilter:
        """The transitions that it asks for."""
        return TransitionFilter(
            slos=frozenset(map(SloId, _given(self.slo))) or None,
            severities=_chosen(Severity, self.severity),
            kinds=_chosen(TransitionKind, self.kind),
            since=chosen_day(self.start),
            until=chosen_day(self.end, ends=True),
        )

    @property
    def incident_before(self) -> tuple[float, str] | None:
        """Start and id of the last incident of the page before."""
        at, _, incident = self.before.partition(" ")
        try:
            return (float(at), incident) if incident and abs(float(at)) < LATEST.timestamp() else None
        except ValueError:
            return None

    @property
    def transition_before(self) -> int | None:
        """The number of the last transition of the page before."""
        return chosen_number(self.before)


def _given(text: str) -> frozenset[str]:
    return frozenset({text} if text else ())


def _chosen(kind: type[_Choice], text: str) -> frozenset[_Choice]:
    choice = chosen_value(kind, text)
    return frozenset(() if choice is None else {choice})
