"""The health of the service itself, as counters and gauges that the other packages set through their ports.

Every label value that is known at start is there at zero, so that a rate over it exists before the first failure.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from app.metrics.build import BuildInfo
from app.replicas import ALL_SHARDS
from app.tracing import exemplar

# Up to the default interval: an evaluation that takes longer misses slots, which has a counter of its own.
_DURATION_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0)


SPAN_LOSSES = ("queue_full", "export_failed")
"""Why spans of traces are lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelValues:
    """The closed sets of label values: what can fail, how requests end, who is notified."""

    failure_reasons: Iterable[str] = ()
    closing_causes: Iterable[str] = ()
    refused_statuses: Iterable[int] = ()
    request_outcomes: Iterable[str] = ()
    receivers: Iterable[str] = ()
    remote_write_receivers: Iterable[str] = ()
    notification_failure_reasons: Iterable[str] = ()


class Instruments:
    """Own-health metrics in a registry of their own, with those of the process and of Python."""

    def __init__(self, *, build: BuildInfo, known: LabelValues | None = None, external_url: str = "") -> None:
        # A `_created` series per counter would double their number and says nothing that `increase` does not.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._evaluation_instruments()
        self._delivery_instruments()
        self._prometheus_instruments()
        self._source_instruments()
        self._remote_write_instruments()
        self._server_instruments()
        self._source_asked_from: dict[str, datetime] = {}
        self._config_instruments(build, external_url)
        self._create_at_zero(known or LabelValues())

    def evaluated(self, seconds: float, at: datetime) -> None:
        """An evaluation of the slot *at* has ended after *seconds*."""
        self._evaluations.inc()
        self._evaluation_duration.observe(seconds, exemplar())
        self._last_evaluation.set(at.timestamp())

    def evaluation_failed(self, reason: str) -> None:
        """Something in an evaluation failed."""
        self._evaluation_failures.labels(reason).inc()

    def missed(self, slots: int) -> None:
        """So many slots were not evaluated; the ledger is filled later."""
        self._evaluations_missed.inc(slots)

    def asked(self, source: str, *, answered_at: datetime | None, at: datetime, seconds: float, failing: int) -> None:
        """In the evaluation of the slot *at* a source had answered up to *answered_at*.

        Its last queries took *seconds*, and *failing* of its SLIs have no answer.
        """
        self._source_seconds.labels(source).set(seconds)
        self._source_failing.labels(source).set(failing)
        if answered_at is not None:
            self._source_answered.labels(source).set(answered_at.timestamp())
        # One that has never answered lags since it was asked first: an alert needs a number.
        asked_from = self._source_asked_from.setdefault(source, at)
        self._source_lag.labels(source).set((at - (answered_at or asked_from)).total_seconds())

    def asked_only(self, sources: Collection[str]) -> None:
        """From now on there are these sources and no others."""
        self._source_asked_from = {name: at for name, at in self._source_asked_from.items() if name in sources}
        for gauge in (self._source_answered, self._source_seconds, self._source_failing, self._source_lag):
            of_gone = {sample.labels["source"] for family in gauge.collect() for sample in family.samples}
            for source in of_gone.difference(sources):
                gauge.remove(source)

    def backfill_progress(self, ratio: float) -> None:
        """This share of the history that is wanted of all SLIs has been counted."""
        self._backfill_progress.set(ratio)

    def replicas(self, living: int, *, shards: int, unowned: int, stuck: int) -> None:
        """So many replicas live, this one has so many *shards* and cannot load *stuck* others; none has *unowned*."""
        self._replicas.set(living)
        self._replica_shards.set(shards)
        self._unowned_shards.set(unowned)
        self._stuck_shards.set(stuck)

    def kubernetes_objects(self, numbers: Mapping[tuple[str, str], int]) -> None:
        """So many objects of Kubernetes with documents are known here, by kind and state."""
        for (kind, state), number in numbers.items():
            self._kubernetes_objects.labels(kind, state).set(number)

    def notified(self, receiver: str) -> None:
        """A receiver has taken a notification."""
        self._notifications.labels(receiver).inc()

    def failed(self, receiver: str, reason: str) -> None:
        """An attempt to notify a receiver has failed."""
        self._notifications_failed.labels(receiver, reason).inc()

    def fallback_notified(self, receiver: str) -> None:
        """A receiver's fallback has accepted a page that the receiver had not accepted in time."""
        self._fallback_notified.labels(receiver).inc()

    def outbox_oldest_age(self, seconds: float) -> None:
        """The oldest notification that waits in the outbox is that old; 0 if none waits."""
        self._outbox_oldest_age.set(seconds)

    def requested(self, outcome: str) -> None:
        """A request to Prometheus has ended."""
        self._requests.labels(outcome).inc()

    def clock_skew(self, peer: str, seconds: float) -> None:
        """A peer's clock is ahead of ours by *seconds*."""
        self._clock_skew.labels(peer).set(seconds)

    def invalid_samples(self, count: int) -> None:
        """So many samples of an answer of Prometheus were left out: not a number, infinite, or beyond 64 bits."""
        self._invalid_samples.inc(count)

    def connection_closed(self, cause: str) -> None:
        """A client's connection was closed because the client was slow, or there were too many."""
        self._connections_closed.labels(cause).inc()

    def request_refused(self, status: int) -> None:
        """A request was refused for who sent it, or since they sent too many."""
        self._requests_refused.labels(str(status)).inc()

    def spans_exported(self, count: int) -> None:
        """The collector has accepted spans of traces."""
        self._spans_exported.inc(count)

    def spans_dropped(self, reason: str, count: int) -> None:
        """Spans of traces are lost, since too many waited or they could not be exported."""
        self._spans_dropped.labels(reason).inc(count)

    def know_receivers(self, receivers: Iterable[str], failure_reasons: Sequence[str]) -> None:
        """From now on there are these receivers, perhaps among others."""
        for receiver in receivers:
            self._notifications.labels(receiver)
            self._fallback_notified.labels(receiver)
            for reason in failure_reasons:
                self._notifications_failed.labels(receiver, reason)

    def remote_write_sent(self, receiver: str, samples: int, at: datetime) -> None:
        """A receiver of remote write has stored samples."""
        self._remote_write_samples.labels(receiver).inc(samples)
        self._remote_write_success.labels(receiver).set(at.timestamp())

    def remote_write_dropped(self, receiver: str, samples: int) -> None:
        """A receiver of remote write has refused samples, which are not sent again."""
        self._remote_write_dropped.labels(receiver).inc(samples)

    def remote_write_failed(self, receiver: str) -> None:
        """A request of remote write has failed, and is sent again."""
        self._remote_write_failures.labels(receiver).inc()

    def remote_write_pending(self, receiver: str, parts: int) -> None:
        """So many parts of the past are still to be sent to a receiver."""
        self._remote_write_pending.labels(receiver).set(parts)

    def know_remote_write_receivers(self, receivers: Iterable[str]) -> None:
        """From now on there are these receivers of remote write, perhaps among others."""
        for receiver in receivers:
            self._remote_write_samples.labels(receiver)
            self._remote_write_dropped.labels(receiver)
            self._remote_write_failures.labels(receiver)
            self._remote_write_pending.labels(receiver)

    def reloaded(self, ok: bool, at: datetime) -> None:
        """The documents were reloaded; *ok* if they are active now."""
        self._reload_successful.set(ok)
        if ok:
            self._reload_success_timestamp.set(at.timestamp())

    def _evaluation_instruments(self) -> None:
        self._evaluations = self._counter("evaluations", "Evaluations that ended.")
        self._evaluation_failures = self._counter("evaluation_failures", "Failures in evaluations.", "reason")
        self._evaluations_missed = self._counter("evaluations_missed", "Slots that were not evaluated.")
        self._evaluation_duration = Histogram(
            "sloburn_evaluation_duration_seconds",
            "How long an evaluation took.",
            buckets=_DURATION_BUCKETS,
            registry=self.registry,
        )
        self._last_evaluation = self._gauge("last_evaluation_timestamp_seconds", "Slot of the newest evaluation.")
        self._backfill_progress = self._gauge("backfill_progress_ratio", "Counted share of the history that is wanted.")
        self._backfill_progress.set(1.0)
        self._replicas = self._gauge("replicas", "Processes that share the SLOs.")
        self._replica_shards = self._gauge("replica_shards", "Shards that this process has; all without replicas.")
        self._unowned_shards = self._gauge("unowned_shards", "Shards of no process: their SLOs are not evaluated.")
        self._stuck_shards = self._gauge("stuck_shards", "Shards that this process has taken and cannot load.")
        self.replicas(1, shards=len(ALL_SHARDS), unowned=0, stuck=0)
        self._kubernetes_objects = self._gauge(
            "kubernetes_objects", "Objects of Kubernetes with documents, by what became of them.", "kind", "state"
        )

    def _delivery_instruments(self) -> None:
        self._notifications = self._counter("notifications", "Notifications that a receiver has taken.", "receiver")
        self._notifications_failed = self._counter(
            "notifications_failed", "Attempts to notify that failed.", "receiver", "reason"
        )
        self._fallback_notified = self._counter(
            "fallback_notified", "Pages that a fallback accepted since the receiver had not in time.", "receiver"
        )
        self._outbox_oldest_age = self._gauge("outbox_oldest_age_seconds", "Age of the oldest waiting notification.")

    def _prometheus_instruments(self) -> None:
        self._requests = self._counter("prometheus_requests", "Requests to Prometheus, by how they ended.", "outcome")
        self._invalid_samples = self._counter(
            "prometheus_invalid_samples", "Samples left out: not a number, infinite, or beyond 64 bits."
        )
        self._clock_skew = self._gauge("clock_skew_seconds", "How far a peer's clock is ahead of ours.", "peer")

    def _source_instruments(self) -> None:
        self._source_answered = self._gauge(
            "source_answered_timestamp_seconds", "Newest slot that a source has answered.", "source"
        )
        self._source_lag = self._gauge(
            "source_lag_seconds", "How far that slot was behind the newest evaluation.", "source"
        )
        self._source_seconds = self._gauge(
            "source_query_seconds", "How long the queries of the newest slot took, or failed to.", "source"
        )
        self._source_failing = self._gauge(
            "source_failing_slis", "SLIs whose newest queries were not answered, or rejected.", "source"
        )

    def _remote_write_instruments(self) -> None:
        self._remote_write_samples = self._counter(
            "remote_write_samples", "Samples that a receiver of remote write has stored.", "receiver"
        )
        self._remote_write_dropped = self._counter(
            "remote_write_samples_dropped", "Samples that a receiver has refused; they are not sent again.", "receiver"
        )
        self._remote_write_failures = self._counter(
            "remote_write_failures", "Requests of remote write that failed and are sent again.", "receiver"
        )
        self._remote_write_pending = self._gauge(
            "remote_write_pending_parts", "Histories and gaps of SLOs that are still to be sent.", "receiver"
        )
        self._remote_write_success = self._gauge(
            "remote_write_last_success_timestamp_seconds", "When a receiver last stored samples.", "receiver"
        )

    def _server_instruments(self) -> None:
        self._connections_closed = self._counter(
            "http_connections_closed", "Connections closed because clients were slow, or there were too many.", "cause"
        )
        self._requests_refused = self._counter(
            "http_requests_refused", "Requests refused for who sent them, or since they sent too many.", "status"
        )
        self._spans_exported = self._counter("trace_spans_exported", "Spans that the collector of traces accepted.")
        self._spans_dropped = self._counter("trace_spans_dropped", "Spans of traces that are lost.", "reason")
        for reason in SPAN_LOSSES:
            self._spans_dropped.labels(reason)

    def _config_instruments(self, build: BuildInfo, external_url: str) -> None:
        self._reload_successful = self._gauge("config_last_reload_successful", "1 if the last reload took effect.")
        self._reload_success_timestamp = self._gauge(
            "config_last_reload_success_timestamp_seconds", "When documents last took effect."
        )
        self._gauge("build_info", "Version of Sloburn and of Python; always 1.", "version", "python").labels(
            build.version, build.python
        ).set(1)
        self._gauge("external_url_info", "Where people reach Sloburn; always 1.", "url").labels(external_url).set(1)

    def _create_at_zero(self, known: LabelValues) -> None:
        for reason in known.failure_reasons:
            self._evaluation_failures.labels(reason)
        for cause in known.closing_causes:
            self._connections_closed.labels(cause)
        for status in known.refused_statuses:
            self._requests_refused.labels(str(status))
        for outcome in known.request_outcomes:
            self._requests.labels(outcome)
        self.know_remote_write_receivers(known.remote_write_receivers)
        self.know_receivers(known.receivers, tuple(known.notification_failure_reasons))

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(f"sloburn_{name}", documentation, labels, registry=self.registry)

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(f"sloburn_{name}", documentation, labels, registry=self.registry)
