"""What the address of the page of alerts asks for; what cannot be read is left out."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from app.alerting import TransitionKind
from app.slo import LATEST, Severity, SloId
from app.status import IncidentState
from app.store.alerts import TransitionFilter
from app.store.incident_notes import IncidentMark
from app.store.incidents import IncidentFilter
from app.ui.forms import chosen_day, chosen_number, chosen_value

UNMARKED = "none"
TRANSITIONS = "transitions"
_FILTERS = ("service", "slo", "label", "severity", "state", "mark", "kind", "start", "end")
# Where a name in the address is another one.
_NAMES = {"start": "from", "end": "to"}
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """The filters, as they are in the address; empty where none is chosen. *before* is where a page of it begins."""

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

    @classmethod
    def parse(cls, given: Iterable[tuple[str, str]]) -> "HistoryQuery":
        """The query of an address."""
        fields = {_NAMES.get(field, field): field for field in cls.__dataclass_fields__}
        return cls(**{fields[name]: value.strip() for name, value in given if name in fields})

    def with_changes(self, **changes: str) -> str:
        """A query string with some of it changed, from its first page on unless *before* is given."""
        values = {_NAMES.get(field, field): getattr(self, field) for field in ("view", *_FILTERS)} | changes
        chosen = {name: value for name, value in values.items() if value}
        return f"?{urlencode(chosen)}" if chosen else ""

    @property
    def filtered(self) -> bool:
        """Whether anything is chosen."""
        return any(getattr(self, field) for field in _FILTERS)

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
