"""What a receiver of remote write gets: live figures, and once the past, in order and never twice."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from app.http.request_options import HttpOptions, Login
from app.http.secrets import FixedSecret
from app.remote_write import QueueOptions, RemoteWriteOptions
from tests.evaluation.running import INTERVAL_S
from tests.past_metrics.shop import DAY, HOUR, MINUTE, NOW, SLO, run_shop
from tests.remote_write.receiver import Sample, Series, WriteReceiver
from tests.remote_write.writing import Writing

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
    with _writing(tmp_path, receiver, labels=(("cluster", "eu"),)) as writing:
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
        writing.evaluate_all(NOW + 10 * MINUTE, NOW + 30 * MINUTE)
        receiver.answer = lambda _samples: (204, "")
        writing.wait(timedelta(minutes=2))
        writing.evaluate(NOW + 30 * MINUTE + INTERVAL_S, NOW + 30 * MINUTE + 2 * INTERVAL_S)
        assert writing.writer.status.problem is None
    later = [at - NOW for at in _times(_only(receiver.of(BUDGET, slo=SLO))) if at > NOW + INTERVAL_S]
    assert later == [*range(300, 30 * MINUTE + 1, 300), 30 * MINUTE + 2 * INTERVAL_S]


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


def test_a_history_that_is_counted_otherwise_is_another_revision(tmp_path: Path, receiver: WriteReceiver) -> None:
    with _writing(tmp_path, receiver) as writing:
        writing.evaluate(NOW + INTERVAL_S)
        one = writing.one
        tracked = one.evaluator._ledger_writer.tracked_slis[0]
        tracked.history_recounts += 1
        writing.evaluate(NOW + 2 * INTERVAL_S)
    series = receiver.of(BUDGET, slo=SLO)
    assert [dict(labels)["slo_revision"] for labels in series if "slo_revision" in dict(labels)] == ["2"]
    assert len(series) == 2
