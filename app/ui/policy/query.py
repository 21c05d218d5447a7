"""What the addresses of the pages of policies ask for; what cannot be read is left out."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from app.policy import GateDecision
from app.status import words_of
from app.store.gate import DecisionFilter
from app.ui.forms import chosen_day, chosen_number, chosen_value

_FILTERS = ("service", "environment", "decision", "q", "start", "end")
# Where a name in the address is another one.
_NAMES = {"start": "from", "end": "to"}
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyQuery:
    """The filters, as they are in the address; empty where none is chosen.

    *before* is where a page of decisions begins, *page* is a page of services, from 1.
    """

    service: str = ""
    environment: str = ""
    decision: str = ""
    q: str = ""
    start: str = ""
    end: str = ""
    before: str = ""
    page: str = ""

    @classmethod
    def parse(cls, given: Iterable[tuple[str, str]]) -> "PolicyQuery":
        """The query of an address."""
        fields = {_NAMES.get(field, field): field for field in cls.__dataclass_fields__}
        return cls(**{fields[name]: value.strip()[:_LONGEST] for name, value in given if name in fields})

    def with_changes(self, **changes: str) -> str:
        """A query string with some of it changed, from the first page on unless one is given."""
        values = {_NAMES.get(field, field): getattr(self, field) for field in _FILTERS} | changes
        chosen = {name: value for name, value in values.items() if value}
        return f"?{urlencode(chosen)}" if chosen else ""

    @property
    def filtered(self) -> bool:
        """Whether anything is chosen."""
        return any(getattr(self, field) for field in _FILTERS)

    @property
    def chosen_decision(self) -> GateDecision | None:
        """The decision that is asked for; None for any."""
        return chosen_value(GateDecision, self.decision)

    @property
    def decisions(self) -> DecisionFilter:
        """The decisions of the log that it asks for."""
        decision = self.chosen_decision
        return DecisionFilter(
            services=(self.service,) if self.service else (),
            environments=(self.environment,) if self.environment else (),
            decisions=() if decision is None else (decision,),
            words=words_of(self.q),
            since=chosen_day(self.start),
            until=chosen_day(self.end, ends=True),
        )

    @property
    def decision_before(self) -> int | None:
        """The number of the last decision of the page before."""
        return chosen_number(self.before)

    @property
    def page_number(self) -> int:
        """The page of services, from 1."""
        return max(1, chosen_number(self.page) or 1)
