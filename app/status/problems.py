"""What keeps an SLO from being judged or makes its figures doubtful: a fixed code and a sentence."""

from dataclasses import dataclass
from enum import StrEnum


class ProblemLevel(StrEnum):
    """How much a problem matters.

    *error*: the SLO cannot be judged; *warning*: its figures are incomplete or doubtful; *hint*: worth a look, and
    normal for some services.
    """

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


class ProblemCode(StrEnum):
    """What can be wrong with the data of an SLO; codes are part of the API and of the metrics, and never change."""

    QUERY_REJECTED = "query_rejected"
    QUERY_FAILED = "query_failed"
    WAITING = "waiting"
    NO_SERIES = "no_series"
    NO_SAMPLES_YET = "no_samples_yet"
    STALE = "stale"
    HISTORY_INCOMPLETE = "history_incomplete"
    HISTORY_UNREADABLE = "history_unreadable"
    HISTORY_TOO_COARSE = "history_too_coarse"
    TOO_MANY_GROUPS = "too_many_groups"
    LATE_SAMPLES = "late_samples"
    PARTIAL_DATA = "partial_data"
    IMPOSSIBLE_SAMPLES = "impossible_samples"
    NAN_SAMPLES = "nan_samples"
    GOOD_EXCEEDS_TOTAL = "good_exceeds_total"
    BAD_EXCEEDS_TOTAL = "bad_exceeds_total"
    OUTSIDE_TOTAL = "outside_total"
    BAD_NEVER_MATCHED = "bad_never_matched"
    GOOD_NEVER_MATCHED = "good_never_matched"
    TERM_NEVER_MATCHED = "term_never_matched"
    MOSTLY_BAD = "mostly_bad"
    BUCKET_MISSING = "bucket_missing"
    THRESHOLD_INTERPOLATED = "threshold_interpolated"
    GAUGE = "gauge"
    COUNTER = "counter"
    COUNTER_NOT_MONOTONIC = "counter_not_monotonic"
    DUPLICATE_SERIES = "duplicate_series"
    BAD_SERIES_ENDED = "bad_series_ended"
    COMPONENT_MISSING = "component_missing"
    SCRAPED_SELDOM = "scraped_seldom"
    SCRAPED_TOO_SELDOM = "scraped_too_seldom"


# While data is late, old or still being read, what was counted is right as far as it goes; these may hide errors.
_DOUBTFUL = frozenset(
    {
        ProblemCode.BAD_NEVER_MATCHED,
        ProblemCode.GOOD_NEVER_MATCHED,
        ProblemCode.BAD_SERIES_ENDED,
        ProblemCode.BAD_EXCEEDS_TOTAL,
        ProblemCode.OUTSIDE_TOTAL,
        ProblemCode.BUCKET_MISSING,
        ProblemCode.COMPONENT_MISSING,
        ProblemCode.DUPLICATE_SERIES,
        ProblemCode.IMPOSSIBLE_SAMPLES,
        ProblemCode.PARTIAL_DATA,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with the data of an SLO; *detail* says what, where and what to do, in one sentence."""

    code: ProblemCode
    level: ProblemLevel
    detail: str

    @property
    def makes_doubtful(self) -> bool:
        """Whether errors may be hidden or miscounted, so that the SLO may not be called fine."""
        return self.level is not ProblemLevel.HINT and self.code in _DOUBTFUL


_RANKS = {level: rank for rank, level in enumerate(ProblemLevel)}


def most_serious_first(problems: list[Problem]) -> tuple[Problem, ...]:
    """The problems, errors first; those of one level stay in their order."""
    return () if not problems else tuple(sorted(problems, key=lambda problem: _RANKS[problem.level]))
