"""What the addresses of the pages of policies ask for; what cannot be read is left out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.policy import GateDecision
from app.status import words_of
from app.store.gate import DecisionFilter
from app.ui.filters import FilterQuery
from app.ui.forms import chosen_day, chosen_number, chosen_page, chosen_value

_CHOICES = {"decision": tuple(GateDecision)}
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesQuery(FilterQuery):
    """The filters of services. *page* is a page of them, from 1."""

    choices: ClassVar[Mapping[str, Collection[str]]] = _CHOICES
    longest: ClassVar[int | None] = _LONGEST
    service: str = ""
    decision: str = ""
    page: str = ""

    @property
    def chosen_decision(self) -> GateDecision | None:
        """The decision that is asked for; None for any."""
        return chosen_value(GateDecision, self.decision)

    @property
    def page_number(self) -> int:
        """The page of services, from 1."""
        return chosen_page(self.page)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionsQuery(FilterQuery):
    """The filters of the log of decisions. *before* is where a page of it begins."""

    choices: ClassVar[Mapping[str, Collection[str]]] = _CHOICES
    longest: ClassVar[int | None] = _LONGEST
    service: str = ""
    environment: str = ""
    decision: str = ""
    q: str = ""
    start: str = ""
    end: str = ""
    before: str = ""

    @property
    def decisions(self) -> DecisionFilter:
        """The decisions of the log that it asks for."""
        return DecisionFilter(
            services=(self.service,) if self.service else (),
            environments=(self.environment,) if self.environment else (),
            decisions=(GateDecision(self.decision),) if self.decision else (),
            words=words_of(self.q),
            since=chosen_day(self.start),
            until=chosen_day(self.end, ends=True),
        )

    @property
    def decision_before(self) -> int | None:
        """The number of the last decision of the page before."""
        return chosen_number(self.before)
