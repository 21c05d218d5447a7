"""What a receiver of remote write gets: live figures, and once the past, in order and never twice."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app.http.request_options import HttpOptions, Login
from app.http.secrets import FixedSecret
from app.past_metrics import Recorded
from app.remote_write import QueueOptions, RemoteWriteOptions
from app.remote_write.requests import joint_request
from app.slo import SloId
from app.status import StoredChanges
from app.store import StoreUnavailableError
from app.store.remote_write import RemoteWritePart
from tests.evaluation.running import INTERVAL_S
from tests.past_metrics.shop import DAY, HOUR, MINUTE, NOW, SLO, run_shop
from tests.remote_write.receiver import Sample, Series, WriteReceiver
from tests.remote_write.writing import Writing
from tests.support.changes import a_change
from tests.support.set_clock import SetClock

BUDGET = "slo_error_budget_remaining_ratio"
# A day of history, in samples an hour apart: enough to tell, and quick.
_DAY = {"history": timedelta(days=1), "step": timedelta(minutes=5)}


@pytest.fixture
def receiver() -> Iterator[WriteReceiver]:
    with WriteReceiver() as found:
        yield found


@contextmanager
def _writing(tmp_path: Path, receiver: WriteReceiver, **options: object) -> Iterator[Writing]:
    wanted = RemoteWriteOptions(url=f"{receiver.url}/api/v1/write", **{**_DAY, **options})  # type: ignore[arg-type]
    with run_shop(tmp_path / "db", tmp_path / "slos", days=2) as one, closing(Writing(one, wanted)) as writing:
        yield writing


def _times(samples: list[Sample]) -> list[float]:
    return [at for at, _ in samples]


def _only(found: dict[Series, list[Sample]]) -> list[Sample]:
    (samples,) = found.values()
    return samples


def test_live_figures_come_first_and_then_the_past_once(tmp_path: Path, receiver: WriteReceiver) -> None:
    began = datetime.fromtimestamp(NOW - HOUR + 1, UTC)
    with _writing(tmp_path, receiver, labels=(("cluster", "eu"),)) as writing:
        StoredChanges(writing.one.database, writing.one.recent_changes, SetClock(began)).add(
            a_change("shop", version="v42", started_at=began)
        )
        writing.evaluate(NOW + INTERVAL_S)
        budget = _only(receiver.of(BUDGET, slo=SLO, cluster="eu"))
        first, *past = _times(budget)
        assert first == NOW + INTERVAL_S
        assert past == [float(at) for at in range(NOW - DAY + 300, NOW + 1, 300)]
        assert writing.writer.status.parts_pending == writing.instruments.pending == 0
        assert {name for series in receiver.series for label, name in series if label == "__name__"} >= {
            "slo_info",
            "slo_alert_state",
            "slo_alert_firing",
            "slo_events_total",
        }
        writing.evaluate(NOW + 2 * INTERVAL_S)
        writing.restart()
        writing.evaluate(NOW + 3 * INTERVAL_S)
    budget = _only(receiver.of(BUDGET, slo=SLO))
    assert len(budget) == DAY // 300 + 3
    assert _times(budget)[-2:] == [NOW + 2 * INTERVAL_S, NOW + 3 * INTERVAL_S]
    changes = _only(receiver.of("slo_last_change_timestamp_seconds", slo_service="shop", cluster="eu"))
    assert changes[0] == (float(NOW + INTERVAL_S), began.timestamp())
    assert changes[1:-2] == [(float(at), began.timestamp()) for at in range(NOW - HOUR + 300, NOW + 1, 300)]
    assert all(len({at for at, _ in samples}) == len(samples) for samples in receiver.series.values())
    assert all(list(series) == sorted(series) for series in receiver.series)


def test_where_prometheus_scrapes_the_past_ends_where_the_live_counters_began(
    tmp_path: Path, receiver: WriteReceiver
) -> None:
    """Scraped and written samples are one series then: there are not two for one time."""
    labels = (("instance", "sloburn:9720"), ("job", "sloburn"))
    with _writing(tmp_path, receiver, labels=labels, live=False) as writing:
        for at in range(NOW + INTERVAL_S, NOW + HOUR, INTERVAL_S):
            writing.one.tick(at)
        writing.send(NOW + HOUR)
    samples = _only(receiver.of("slo_coverage_ratio", slo=SLO, job="sloburn", instance="sloburn:9720"))
    # The first evaluation counts the last ten minutes live.
    assert _times(samples)[-1] == NOW - 10 * MINUTE
    assert _times(_only(receiver.of("slo_alert_firing", severity="page")))[-1] == NOW - 10 * MINUTE


def test_what_could_not_be_sent_is_sent_from_the_ledger_before_newer_figures(
    tmp_path: Path, receiver: WriteReceiver
) -> None:
    with _writing(tmp_path, receiver, history=timedelta(hours=1)) as writing:
        writing.evaluate(NOW + INTERVAL_S)
        receiver.answer = lambda _samples: (503, "starting")
        writing.evaluate_all(NOW + INTERVAL_S, NOW + 10 * MINUTE)
        assert "503 starting" in str(writing.writer.status.problem)
        # The process stops during the outage, and takes it up where it was.
        writing.restart()
        for at in range(NOW + 10 * MINUTE + INTERVAL_S, NOW + 30 * MINUTE + 1, INTERVAL_S):
            writing.wait(timedelta(seconds=INTERVAL_S))
            writing.evaluate(at)
        # However long the outage is, it is one gap, which grows.
        assert writing.writer.status.parts_pending == 1
        receiver.answer = lambda _samples: (204, "")
        writing.wait(timedelta(minutes=2))
        writing.evaluate(NOW + 30 * MINUTE + INTERVAL_S, NOW + 30 * MINUTE + 2 * INTERVAL_S)
        assert writing.writer.status.problem is None
    later = [at - NOW for at in _times(_only(receiver.of(BUDGET, slo=SLO))) if at > NOW + INTERVAL_S]
    # Prometheus shows a sample for five minutes.
    assert later[:3] == [300, 600, 900]
    assert max(np.diff(later)) <= 300
    assert later[-1] == 30 * MINUTE + 2 * INTERVAL_S
    assert later == sorted(set(later))


def test_a_crash_behind_a_request_loses_nothing_and_contradicts_nothing(
    tmp_path: Path, receiver: WriteReceiver
) -> None:
    """What was sent before the crash is sent again with the same values, which Prometheus takes.

    It refuses a whole request for one other value. The slot of the second crash ends a step, and is in the gap, too.
    """

    def answer(samples: list[tuple[Series, Sample]]) -> tuple[int, str]:
        other = [(at, value) for series, (at, value) in samples for value in stored(series, at) - {value}]
        return (400, "duplicate sample for timestamp") if other else (204, "")

    def stored(series: Series, time: float) -> set[float]:
        return {value for at, value in receiver.series.get(series, ()) if at == time and value == value}  # noqa: PLR0124

    receiver.answer = answer
    short = {"history": timedelta(hours=6), "queue": QueueOptions(max_samples_per_send=1000)}
    with _writing(tmp_path, receiver, **short) as writing:
        writing.crash(NOW + INTERVAL_S, requests=3)
        writing.evaluate(NOW + 2 * INTERVAL_S)
        writing.crash(NOW + 5 * MINUTE, requests=1)
        writing.evaluate_all(NOW + 11 * MINUTE, NOW + 12 * MINUTE)
        status = writing.writer.status
        assert (status.samples_dropped, status.parts_pending, status.problem) == (0, 0, None)
    for name in (BUDGET, "slo_coverage_ratio"):
        times = sorted(set(_times(_only(receiver.of(name, slo=SLO)))))
        assert times[0] == NOW - 6 * HOUR + 300
        assert max(np.diff(times)) <= 300
        assert times[-1] == NOW + 12 * MINUTE
        # The first crash came behind requests of the past.
        assert len(_only(receiver.of(name, slo=SLO))) > len(times)


def test_history_waits_for_a_receiver_that_refuses_old_samples(tmp_path: Path, receiver: WriteReceiver) -> None:
    """It is asked with a sample of a series that no query reads; live figures are sent meanwhile."""

    def without_window(samples: list[tuple[Series, Sample]]) -> tuple[int, str]:
        old = any(at < NOW - HOUR for _, (at, _) in samples)
        return (400, "out of bounds") if old else (204, "")

    receiver.answer = without_window
    with _writing(tmp_path, receiver) as writing:
        writing.evaluate(NOW + INTERVAL_S)
        status = writing.writer.status
        assert (status.parts_pending, status.samples_dropped) == (1, 0)
        assert "a sample of 1d ago is refused (400 out of bounds)" in str(status.problem)
        assert "out_of_order_time_window" in str(status.problem)
        assert len(_only(receiver.of(BUDGET, slo=SLO))) == 1
        receiver.answer = lambda _samples: (204, "")
        writing.wait(timedelta(minutes=11))
        writing.evaluate(NOW + 2 * INTERVAL_S)
        assert writing.writer.status.problem is None
    assert len(_only(receiver.of(BUDGET, slo=SLO))) == DAY // 300 + 2


@pytest.mark.parametrize(
    ("answer", "dropped", "problem"),
    [
        ((400, "label name too long"), True, "were refused and dropped, the last ones with: 400 label name too long"),
        ((422, "err-mimir-max-series-per-user"), True, "were refused and dropped"),
        # Prometheus before 2.50 answers 500 to samples for which a sender would try again for ever.
        ((500, "too old sample"), True, "were refused and dropped"),
        ((401, "no password hunter2"), False, "it fails, and is tried again: 401 no password <secret>"),
        ((404, "not found"), False, "it fails, and is tried again: 404"),
        ((429, "slower"), False, "it fails, and is tried again: 429"),
        ((500, "out of memory"), False, "it fails, and is tried again: 500"),
    ],
)
def test_only_what_is_refused_for_good_is_dropped(
    tmp_path: Path, receiver: WriteReceiver, answer: tuple[int, str], dropped: bool, problem: str
) -> None:
    receiver.answer = lambda _samples: answer
    login = HttpOptions(login=Login(username="me", secret=FixedSecret("hunter2")))
    with _writing(tmp_path, receiver, http=login, history=timedelta(0)) as writing:
        writing.evaluate(NOW + INTERVAL_S)
        status, counts = writing.writer.status, writing.instruments.counts
        assert problem in str(status.problem)
        assert "hunter2" not in str(status.problem)
        assert (status.samples_sent, bool(status.samples_dropped)) == (0, dropped)
        assert bool(counts["dropped"]) is dropped
        assert bool(counts["failed"]) is not dropped
        # Until the pause is over nothing is sent.
        requests = len(receiver.requests)
        writing.evaluate(NOW + 2 * INTERVAL_S)
        assert (len(receiver.requests) > requests) is dropped
    assert receiver.headers[0]["authorization"].startswith("Basic ")


def test_a_request_that_is_too_large_is_sent_in_parts(tmp_path: Path, receiver: WriteReceiver) -> None:
    """Thanos Receive answers 413."""
    receiver.answer = lambda samples: (413, "too large") if len(samples) > 300 else (204, "")
    with _writing(tmp_path, receiver, queue=QueueOptions(max_samples_per_send=1000)) as writing:
        for number in range(1, 6):
            writing.evaluate(NOW + number * INTERVAL_S)
        assert writing.writer.status.parts_pending == 0
        assert writing.writer.status.samples_dropped == 0
    samples = _only(receiver.of(BUDGET, slo=SLO))
    assert len(samples) == len({at for at, _ in samples}) == DAY // 300 + 5


def test_what_is_refused_takes_nothing_else_with_it(tmp_path: Path, receiver: WriteReceiver) -> None:
    """Prometheus refuses a whole request for one sample, such as of a series that somebody else writes too."""
    bad = {("__name__", "slo_coverage_ratio"), ("__name__", "slo_events_total")}
    refuse = (400, "out of order sample")

    def answer(samples: list[tuple[Series, Sample]]) -> tuple[int, str]:
        return refuse if any(bad & set(series) for series, _ in samples) else (204, "")

    receiver.answer = answer
    with _writing(tmp_path, receiver, history=timedelta(0)) as writing:
        writing.evaluate(NOW + INTERVAL_S)
        status = writing.writer.status
        assert status.samples_dropped == 3
        assert "3 samples were refused and dropped" in str(status.problem)
        asked = len(receiver.requests)
        # If all is refused, only a few parts are tried.
        receiver.answer = lambda _samples: refuse
        writing.evaluate(NOW + 2 * INTERVAL_S)
        assert len(receiver.requests) == asked + 7
    assert len(receiver.series) == status.samples_sent > 40


def test_gaps_of_several_slos_are_sent_together(tmp_path: Path, receiver: WriteReceiver) -> None:
    with _writing(tmp_path, receiver) as writing:
        writing.evaluate(NOW + INTERVAL_S)
        exposed = writing.one.evaluator.exposed_past(SloId(SLO))
        assert exposed is not None
    gap = RemoteWritePart("r", SloId(SLO), NOW + 0.0, "", 1, NOW - 600.0, is_gap=True)
    pasts = [(exposed, gap, Recorded())] * 5
    one, _ = joint_request(pasts[:1], writing.options, most_samples=10_000)
    assert one is not None
    request, fitting = joint_request(pasts, writing.options, most_samples=3 * one.samples)
    assert request is not None
    assert (request.samples, len(fitting)) == (3 * one.samples, 3)
    assert joint_request(pasts, writing.options, most_samples=one.samples - 1) == (None, [])


def test_a_gap_is_read_at_once_and_waits_for_a_database_that_is_away(tmp_path: Path, receiver: WriteReceiver) -> None:
    with _writing(tmp_path, receiver) as writing:
        writing.evaluate(NOW + INTERVAL_S)
        for slot in range(2, 41):
            writing.one.tick(NOW + slot * INTERVAL_S)
        before, writing.store_problem = receiver.of(BUDGET, slo=SLO), StoreUnavailableError("it is away")
        writing.asked.clear()
        writing.send(NOW + 40 * INTERVAL_S)
        assert receiver.of(BUDGET, slo=SLO) == before
        writing.store_problem = None
        writing.send(NOW + 40 * INTERVAL_S)
        assert writing.asked == [frozenset({SloId(SLO)})] * 2
    missed = [at for at in _times(_only(receiver.of(BUDGET, slo=SLO))) if at > NOW + INTERVAL_S]
    assert missed == sorted(set(missed))
    assert missed[-1] == NOW + 40 * INTERVAL_S
    assert len(missed) > 1


def test_a_clock_that_was_ahead_keeps_no_figures_back(tmp_path: Path, receiver: WriteReceiver) -> None:
    with _writing(tmp_path, receiver, history=timedelta(0)) as writing:
        writing.evaluate(NOW + INTERVAL_S)
        writing.send(NOW + DAY)
        writing.send(NOW + 2 * INTERVAL_S)
        writing.send(NOW + 3 * INTERVAL_S)
    assert _times(_only(receiver.of(BUDGET, slo=SLO)))[-2:] == [NOW + 2 * INTERVAL_S, NOW + 3 * INTERVAL_S]


def test_a_history_that_is_counted_otherwise_is_another_revision(tmp_path: Path, receiver: WriteReceiver) -> None:
    with _writing(tmp_path, receiver) as writing:
        writing.evaluate(NOW + INTERVAL_S)
        one = writing.one
        tracked = one.evaluator._ledger_writer.tracked_slis[0]
        tracked.history_recounts += 1
        writing.evaluate(NOW + 2 * INTERVAL_S)
        # A reload begins to count anew how often that happened.
        tracked.history_recounts = 0
        writing.evaluate(NOW + 3 * INTERVAL_S)
    series = receiver.of(BUDGET, slo=SLO)
    assert [dict(labels)["slo_revision"] for labels in series if "slo_revision" in dict(labels)] == ["2"]
    assert len(series) == 2
