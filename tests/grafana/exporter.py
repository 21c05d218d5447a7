"""An exporter with made-up SLOs behind the real exposition: what Prometheus scrapes before any service runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from app.metrics import BuildInfo, Exposition, Instruments
from app.slo import AlertState, MetricNames, Severity
from app.status import AlertView, Board, Snapshot
from testbed.metrics_page import serving_page
from tests.support.changes import a_change
from tests.support.forecasts import an_outlook
from tests.support.snapshots import AS_OF, a_latency_slo, a_snapshot, an_slo


def snapshots() -> tuple[Snapshot, ...]:
    """An active page, a group with one member that has spent its budget, an SLO without events, one of durations."""
    burning = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
    quiet = AlertView(severity=Severity.TICKET, state=AlertState.INACTIVE, since=None, tier=None)
    routed = an_slo(name="latency", by=("route",))
    return (
        replace(
            a_snapshot(alerts=(burning, quiet)),
            forecast=an_outlook(earliest=AS_OF + timedelta(days=9), expected=AS_OF + timedelta(days=20), chance=0.6),
        ),
        a_snapshot(routed, group=(("route", "/pay"),)),
        a_snapshot(routed, group=(("route", "/cart"),), bad=5_000.0),
        a_snapshot(an_slo("search"), good=0.0, bad=0.0),
        a_snapshot(a_latency_slo("sloburn_evaluation_duration_seconds")),
    )


def instruments() -> Instruments:
    """Own health in which everything has happened once."""
    made = Instruments(build=BuildInfo.current())
    made.evaluated(0.2, datetime.now(UTC))
    made.evaluation_failed("timeout")
    made.missed(1)
    made.requested("success")
    made.notified("alertmanager")
    made.failed("alertmanager", "unreachable")
    made.know_remote_write_receivers(["mimir:9009"])
    made.outbox_oldest_age(0.0)
    made.clock_skew("prometheus", 0.01)
    made.reloaded(ok=True, at=datetime.now(UTC))
    return made


@contextmanager
def exporter(names: MetricNames = MetricNames.SLOBURN) -> Iterator[str]:
    """The URL of the metrics page; its events go on at every scrape."""
    board, own = Board(), instruments()
    deploy = a_change(service="checkout", version="v42", started_at=datetime.now(UTC) - timedelta(minutes=1))
    exposition = Exposition(board, own, names=names, changes=lambda: [deploy])
    scrapes = count(1)

    def page() -> bytes:
        scrape = next(scrapes)
        own.evaluated(0.2, datetime.now(UTC))
        board.publish([replace(each, good_ever=each.good_ever + 100 * scrape) for each in snapshots()])
        return exposition.render().body

    with serving_page(page) as url:
        yield f"{url}/metrics"
