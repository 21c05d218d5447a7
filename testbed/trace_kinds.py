"""The kinds of services that an SLO tool must count right: what production looks like, and what breaks counters.

Every kind is a function of a `Scene`; `generate` makes traces of any span, seeded, with the kind's name as the service.
Places of incidents are shares of the span and lengths are real where the span allows, so that a trace of six hours
holds the same trouble as one of a month.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from testbed import histories
from testbed.scraping import Life, Scraper, Span
from testbed.traces import Counts, Trace, Traces

Floats = NDArray[np.float64]

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400


@dataclass(slots=True)
class Scene:
    """A trace in the making, with its own random numbers."""

    trace: Trace
    rng: np.random.Generator
    scraper: Scraper = field(default_factory=Scraper)

    @property
    def seconds(self) -> int:
        """The length of the trace."""
        return self.trace.end - self.trace.start

    @property
    def time_of_day(self) -> Counts:
        """For every second, seconds since midnight UTC."""
        return np.arange(self.trace.start, self.trace.end) % DAY

    def steady(self, per_second: float) -> Floats:
        """The same expected rate in every second."""
        return np.full(self.seconds, per_second)

    def span(self, share: float, length: int) -> Span:
        """A span of *length* seconds that begins at a share of the trace; at most a tenth of the trace."""
        first = int(self.seconds * share)
        return first, min(first + min(length, self.seconds // 10), self.seconds)

    def errors(self, base: float, *incidents: tuple[Span, float]) -> Floats:
        """The share of errors in every second: *base*, and more in the incidents."""
        share = np.full(self.seconds, base)
        for (first, last), errors in incidents:
            share[first:last] = errors
        return share

    def events(self, rate: Floats, errors: Floats) -> tuple[Counts, Counts]:
        """Random good and bad events per second."""
        total = self.rng.poisson(rate)
        bad = self.rng.binomial(total, errors)
        return total - bad, bad

    def live(
        self,
        instance: str,
        rate: Floats,
        errors: Floats,
        *,
        span: Span | None = None,
        carried: tuple[int, int] | None = None,
        lazy_errors: bool = True,
    ) -> None:
        """Let one instance run for *span* (default: all of the trace) with its share of the traffic."""
        first, last = span or (0, self.seconds)
        good, bad = self.events(rate[first:last], errors[first:last])
        life = Life(instance=instance, born=first, good=good, bad=bad, carried=carried, lazy_errors=lazy_errors)
        self.scraper.observe(self.trace, life, self.rng)


Kind = Callable[[Scene], None]


def steady(scene: Scene) -> None:
    """Three instances, 50 requests a second, three incidents."""
    incidents = [(scene.span(share, 20 * MINUTE), 0.05) for share in (0.2, 0.6, 0.9)]
    errors = scene.errors(2e-4, *incidents)
    for number in range(3):
        scene.live(f"steady-{number}:80", scene.steady(50 / 3), errors, lazy_errors=False)


def day_and_night(scene: Scene) -> None:
    """200 requests a second by day, 2 by night, and half of the requests of some nights' hours fail."""
    night = (scene.time_of_day < 8 * HOUR) | (scene.time_of_day >= 22 * HOUR)
    rate = np.where(night, 2.0, 200.0)
    day = np.arange(scene.trace.start, scene.trace.end) // DAY
    incident = (scene.time_of_day >= 3 * HOUR) & (scene.time_of_day < 3.5 * HOUR) & (day % 3 == 0)
    errors = np.where(incident, 0.5, 1e-4)
    for number in range(2):
        scene.live(f"shift-{number}:80", rate / 2, errors)


def churn(scene: Scene) -> None:
    """Six instances that restart twice a day and are replaced every other day; 2% of the scrapes fail."""
    scene.scraper = replace(scene.scraper, failing=0.02)
    errors = scene.errors(4e-4, (scene.span(0.5, 30 * MINUTE), 0.1))
    rate = scene.steady(30 / 6)
    for slot in range(6):
        born, run = int(scene.rng.integers(0, HOUR)) * (slot > 0), 0
        while born < scene.seconds:
            died = min(born + int(np.clip(scene.rng.exponential(DAY / 2), HOUR / 2, 2 * DAY)), scene.seconds)
            scene.live(f"pod-{slot}-{run // 4}:80", rate, errors, span=(born, died))
            born, run = died + 20, run + 1


def one_a_minute(scene: Scene) -> None:
    """One request a minute; every few hundredth fails."""
    scene.trace.objective = 0.99
    minutes = np.arange(0, scene.seconds - MINUTE, MINUTE)
    total = np.zeros(scene.seconds, np.int64)
    total[minutes + scene.rng.integers(0, MINUTE, len(minutes))] = 1
    bad = total * (scene.rng.random(scene.seconds) < 1 / 250)
    life = Life(instance="rare:80", born=0, good=total - bad, bad=bad)
    scene.scraper.observe(scene.trace, life, scene.rng)


def bursts(scene: Scene) -> None:
    """Every hour 30% of the requests fail for 18 seconds."""
    errors = scene.errors(0.0)
    for hour in range(0, scene.seconds, HOUR):
        first = hour + int(scene.rng.integers(0, HOUR - 18))
        errors[first : first + 18] = 0.3
    for number in range(2):
        scene.live(f"bursty-{number}:80", scene.steady(20), errors)


def outage_45m(scene: Scene) -> None:
    """No scrape for 45 minutes, with an incident of ten minutes inside."""
    _outage(scene, scene.span(0.83, 45 * MINUTE))


def outage_3h(scene: Scene) -> None:
    """No scrape for three hours, with an incident of half an hour inside."""
    _outage(scene, scene.span(0.7, 3 * HOUR), incident=30 * MINUTE)


def reset_in_outage(scene: Scene) -> None:
    """No scrape for three hours, and the instances restart in the middle of them."""
    _outage(scene, scene.span(0.7, 3 * HOUR), restart=True)


def replaced_in_outage(scene: Scene) -> None:
    """No scrape for 45 minutes, and other instances have taken over when it ends."""
    _outage(scene, scene.span(0.83, 45 * MINUTE), restart=True, successor="next")


def late_scraped(scene: Scene) -> None:
    """A service that had run for months when it was first scraped, late in the trace: its counters hold millions."""
    first = scene.span(2 / 3, HOUR)[0]
    rate, errors = scene.steady(20), scene.errors(3e-4, (scene.span(0.9, 10 * MINUTE), 0.05))
    scene.live("old-0:80", rate, errors, span=(first, scene.seconds), carried=(7_654_321, 45_678), lazy_errors=False)
    scene.live("old-1:80", rate, errors, span=(first, scene.seconds), carried=(6_543_210, 34_567), lazy_errors=False)


def closed_at_night(scene: Scene) -> None:
    """Nobody asks between 22:00 and 04:00."""
    closed = (scene.time_of_day >= 22 * HOUR) | (scene.time_of_day < 4 * HOUR)
    rate = np.where(closed, 0.0, 30.0)
    for number in range(2):
        scene.live(f"shop-{number}:80", rate / 2, scene.errors(3e-4, (scene.span(0.55, 20 * MINUTE), 0.1)))


def short_lived(scene: Scene) -> None:
    """A steady instance, and thirty pods of ten minutes that each fail 50 times before their first scrape."""
    scene.live("main:80", scene.steady(25), scene.errors(1e-4))
    for number, share in enumerate(np.linspace(0.05, 0.95, 30)):
        first = int(scene.seconds * share)
        length = min(10 * MINUTE, scene.seconds - first)
        scene.scraper.observe(scene.trace, _pod(f"job-{number}:80", first, length), scene.rng)


def histogram(scene: Scene) -> None:
    """Latencies in a classic histogram; slow at some times of the day."""
    scene.trace.histogram = True
    scene.trace.objective = 0.99
    slow = scene.errors(2e-3, (scene.span(0.4, 20 * MINUTE), 0.3), (scene.span(0.92, 10 * MINUTE), 0.2))
    for number in range(2):
        scene.live(f"web-{number}:80", scene.steady(15), slow)


KINDS: Final[dict[str, Kind]] = {
    kind.__name__.replace("_", "-"): kind
    for kind in (
        steady,
        day_and_night,
        churn,
        one_a_minute,
        bursts,
        outage_45m,
        outage_3h,
        reset_in_outage,
        replaced_in_outage,
        late_scraped,
        closed_at_night,
        short_lived,
        histogram,
    )
}

FIELD_KINDS: Final[dict[str, str]] = {
    name.replace("_", "-"): name
    for name in (
        "label_added",
        "instance_rewritten",
        "label_flaps",
        "partial_restarts",
        "full_restarts",
        "deployed_in_place",
        "replicas_behind_a_proxy",
        "replicas_side_by_side",
        "dips",
        "corrected_downwards",
        "good_reads_one_less",
        "expiring_series",
        "series_that_begin_again",
        "own_timestamps",
        "first_scraped_late",
    )
}
"""What bug reports tell of metrics in the field, by name; made by `testbed.histories`."""


def generate(kinds: Iterable[str] = tuple(KINDS), *, start: int, end: int, seed: int = 1, scrape_s: int = 30) -> Traces:
    """Traces of *kinds* from *start* to *end* (seconds since the epoch), scraped every *scrape_s* seconds.

    The same seed makes the same traces.
    """
    return Traces([_trace(name, start=start, end=end, seed=seed, scrape_s=scrape_s) for name in kinds])


def _trace(name: str, *, start: int, end: int, seed: int, scrape_s: int) -> Trace:
    trace = Trace(service=name, start=start, end=end)
    every = [*KINDS, *FIELD_KINDS]
    scene = Scene(trace, np.random.default_rng([seed, every.index(name)]), Scraper(interval=scrape_s))
    if name in FIELD_KINDS:
        _from_the_field(scene, histories.KINDS[FIELD_KINDS[name]])
    else:
        KINDS[name](scene)
    return trace


def _from_the_field(scene: Scene, kind: histories.Kind) -> None:
    """Two instances that have counted millions, with two incidents, to which something happens."""
    draft = histories.Draft(scene.trace, scene.rng, pace=20.0, carried=5_000_000, base_errors=3e-4)
    draft.incidents = [(scene.span(0.3, 20 * MINUTE), 0.1), (scene.span(0.97, 10 * MINUTE), 0.05)]
    kind(draft)
    histories.fill(draft)


def _outage(
    scene: Scene, outage: Span, *, incident: int = 10 * MINUTE, restart: bool = False, successor: str = "api"
) -> None:
    first, last = outage
    middle = (first + last) // 2
    scene.scraper = replace(scene.scraper, outages=[outage])
    wrong = min(incident, (last - first) // 3)
    rate, errors = scene.steady(20), scene.errors(3e-4, ((middle - wrong // 2, middle - wrong // 2 + wrong), 0.2))
    for number in range(2):
        if not restart:
            scene.live(f"api-{number}:80", rate, errors)
            continue
        scene.live(f"api-{number}:80", rate, errors, span=(0, middle))
        scene.live(f"{successor}-{number}:80", rate, errors, span=(middle, scene.seconds))


def _pod(instance: str, born: int, length: int) -> Life:
    good, bad = np.zeros(length, np.int64), np.zeros(length, np.int64)
    good[:] = 2
    # The scraper's phase is random: only the first second of a life is surely before its first scrape.
    bad[0] = 50
    return Life(instance=instance, born=born, good=good, bad=bad)
