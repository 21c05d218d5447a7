"""What the address of the page of alerts asks for; what cannot be read is left out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from app.alerting import TransitionKind
from app.slo import Severity, SloId
from app.status import IncidentState
from app.store.alerts import TransitionFilter
from app.store.incident_notes import IncidentMark
from app.store.incidents import IncidentFilter

UNMARKED = "none"
TRANSITIONS = "transitions"
_FIELDS = ("view", "service", "slo", "label", "severity", "state", "mark", "kind", "from", "to")
# More digits are more than a column of numbers holds.
_LONGEST_NUMBER = 15
# Far from the ends of what a date holds.
_YEARS = range(1971, 2200)


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
        values = {("start" if name == "from" else "end" if name == "to" else name): value for name, value in given}
        return cls(**{name: value.strip() for name, value in values.items() if name in cls.__dataclass_fields__})

    def with_changes(self, **changes: str) -> str:
        """A query string with some of it changed, from its first page on unless *before* is given."""
        values = {
            **{name: getattr(self, "start" if name == "from" else "end" if name == "to" else name) for name in _FIELDS},
            **changes,
        }
        chosen = {name: value for name, value in values.items() if value}
        return f"?{urlencode(chosen)}" if chosen else ""

    @property
    def filtered(self) -> bool:
        """Whether anything is chosen."""
        chosen = (self.service, self.slo, self.label, self.severity, self.state, self.mark, self.kind)
        return any((*chosen, self.start, self.end))

    @property
    def incidents(self) -> IncidentFilter:
        """The incidents that it asks for."""
        states = {state.value: state for state in IncidentState}
        marks = {mark.value: mark for mark in IncidentMark}
        name, _, value = self.label.partition("=")
        return IncidentFilter(
            services=_given(self.service),
            slos=_given(self.slo),
            labels=frozenset({(name, value)} if name and value else ()),
            severities=_severities(self.severity),
            active=None if self.state not in states else states[self.state] is IncidentState.ACTIVE,
            marks=frozenset({marks[self.mark]} if self.mark in marks else ()),
            unmarked=self.mark == UNMARKED,
            since=_day(self.start),
            until=_day(self.end, ends=True),
        )

    @property
    def transitions(self) -> TransitionFilter:
        """The transitions that it asks for."""
        kinds = {kind.value: kind for kind in TransitionKind}
        return TransitionFilter(
            slos=frozenset(map(SloId, _given(self.slo))) or None,
            severities=_severities(self.severity),
            kinds=frozenset({kinds[self.kind]} if self.kind in kinds else ()),
            since=_day(self.start),
            until=_day(self.end, ends=True),
        )

    @property
    def incident_before(self) -> tuple[float, str] | None:
        """Start and id of the last incident of the page before."""
        at, _, incident = self.before.partition(" ")
        try:
            return (float(at), incident) if incident and abs(float(at)) < _LAST_S else None
        except ValueError:
            return None

    @property
    def transition_before(self) -> int | None:
        """The number of the last transition of the page before."""
        known = self.before.isascii() and self.before.isdecimal() and len(self.before) <= _LONGEST_NUMBER
        return int(self.before) if known else None


_LAST_S = datetime(2200, 1, 1, tzinfo=UTC).timestamp()


def _given(text: str) -> frozenset[str]:
    return frozenset({text} if text else ())


def _severities(text: str) -> frozenset[Severity]:
    known = {severity.value: severity for severity in Severity}
    return frozenset({known[text]} if text in known else ())


def _day(text: str, *, ends: bool = False) -> datetime | None:
    """The beginning of a day in UTC, or its end."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    if day.year not in _YEARS:
        return None
    return datetime.combine(day, time(), UTC) + (timedelta(days=1) if ends else timedelta())
