"""The figures of the service's own health, for its page: the same that are exposed to Prometheus."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from app.metrics.instruments import Instruments

_NOTIFIED = "sloburn_notifications_total"
_FAILED = "sloburn_notifications_failed_total"
_REQUESTS = "sloburn_prometheus_requests_total"
_SKEW = "sloburn_clock_skew_seconds"
_PLAIN = {
    "last_evaluation": "sloburn_last_evaluation_timestamp_seconds",
    "evaluations": "sloburn_evaluations_total",
    "missed": "sloburn_evaluations_missed_total",
    "seconds": "sloburn_evaluation_duration_seconds_sum",
    "outbox": "sloburn_outbox_oldest_age_seconds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverCounts:
    """Notifications to one receiver since the start of the service; *failures* are attempts by reason."""

    accepted: int
    failures: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHealth:
    """Figures since the start of the service.

    *mean_evaluation_s* is NaN before the first evaluation; *requests* are those to Prometheus by how they ended;
    *clock_skews* are seconds by peer.
    """

    last_evaluation: datetime | None
    mean_evaluation_s: float
    evaluations_missed: int
    requests: Mapping[str, int]
    clock_skews: Mapping[str, float]
    receivers: Mapping[str, ReceiverCounts]
    outbox_oldest_age_s: float


def own_health(instruments: Instruments) -> OwnHealth:
    """The present figures."""
    samples: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
    wanted = [_NOTIFIED, _FAILED, _REQUESTS, _SKEW, *_PLAIN.values()]
    for family in instruments.registry.restricted_registry(wanted).collect():
        for sample in family.samples:
            samples[sample.name].append((sample.labels, sample.value))
    plain = {name: samples[metric][0][1] for name, metric in _PLAIN.items()}
    failures: dict[str, dict[str, int]] = defaultdict(dict)
    for labels, value in samples[_FAILED]:
        if value:
            failures[labels["receiver"]][labels["reason"]] = int(value)
    last = plain["last_evaluation"]
    return OwnHealth(
        last_evaluation=datetime.fromtimestamp(last, UTC) if last else None,
        mean_evaluation_s=plain["seconds"] / plain["evaluations"] if plain["evaluations"] else math.nan,
        evaluations_missed=int(plain["missed"]),
        requests={labels["outcome"]: int(value) for labels, value in samples[_REQUESTS]},
        clock_skews={labels["peer"]: value for labels, value in samples[_SKEW]},
        receivers={
            labels["receiver"]: ReceiverCounts(accepted=int(value), failures=failures[labels["receiver"]])
            for labels, value in samples[_NOTIFIED]
        },
        outbox_oldest_age_s=plain["outbox"],
    )
