"""Events of a classic histogram that are at most as slow, or as large, as one of its buckets."""

from dataclasses import dataclass

from typing_extensions import override

from app.promql.metric_names import BUCKET
from app.sli.good_ratio import GoodRatio
from app.slo import MatchOp, Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramThreshold(GoodRatio):
    """A good ratio of a histogram's count and one of its buckets, which *good* selects.

    A version of the service without that bucket is not slow: what it counts is not measured (ADR-0029).
    """

    @property
    @override
    def threshold(self) -> str | None:
        matcher = next(matcher for matcher in self.good.matchers if matcher.label == BUCKET)
        # Clients write one bound in several ways, and the matcher is an alternation of them; the first is the usual.
        return matcher.value.split("|")[0].replace("\\", "")


def picks_bucket(good: Selector, total: Selector) -> bool:
    """Whether *good* selects a bucket of a histogram that *total* does not select."""
    picks = any(matcher.label == BUCKET and matcher.op in {MatchOp.EQUAL, MatchOp.REGEX} for matcher in good.matchers)
    return picks and not any(matcher.label == BUCKET and matcher in good.matchers for matcher in total.matchers)
