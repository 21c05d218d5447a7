"""Good events out of all events."""

from dataclasses import dataclass
from datetime import timedelta

from typing_extensions import override

from app.promql.error_ratios import not_good_out_of_total
from app.sli.weighted_sum import WeightedSum
from app.slo import Events, Selector, Term, Weights

# Every event is bad until the counter of the good ones takes it back.
_TOTAL = Weights(total=1.0, bad=1.0)
_GOOD = Weights(total=0.0, bad=-1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodRatio(WeightedSum):
    """An SLI given by the counters of all events and of the good ones."""

    total: Selector
    good: Selector
    by: tuple[str, ...] = ()

    @override
    def _terms(self) -> tuple[Term, Term]:
        return (
            Term(events=Events.TOTAL, selector=self.total, weights=_TOTAL),
            Term(events=Events.GOOD, selector=self.good, weights=_GOOD),
        )

    @override
    def error_ratio(self, window: timedelta) -> str:
        return not_good_out_of_total(self.good, self.total, window, self.by)
