"""Bad events out of all events."""

from dataclasses import dataclass
from datetime import timedelta

from typing_extensions import override

from app.promql.error_ratios import bad_out_of_total
from app.sli.weighted_sum import WeightedSum
from app.slo import Events, Selector, Term, Weights

_TOTAL = Weights(total=1.0, bad=0.0)
_BAD = Weights(total=0.0, bad=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRatio(WeightedSum):
    """An SLI given by the counters of all events and of the bad ones."""

    total: Selector
    bad: Selector
    by: tuple[str, ...] = ()

    @override
    def _terms(self) -> tuple[Term, Term]:
        return (
            Term(events=Events.TOTAL, selector=self.total, weights=_TOTAL),
            Term(events=Events.BAD, selector=self.bad, weights=_BAD),
        )

    @override
    def error_ratio(self, window: timedelta) -> str:
        return bad_out_of_total(self.bad, self.total, window, self.by)
