"""What an expression is reduced to, against a Prometheus that evaluates the expression itself."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from app.documents import Defaults
from app.documents.conversion import Target, convert_documents
from app.documents.load import read_texts
from app.promql.selector_text import quote
from app.sli import NotExpressibleError, WeightedSum, sli_of, sli_of_error_ratio
from testbed.openmetrics import create_blocks
from testbed.servers import prometheus
from testbed.traces import Samples
from tests.support.soak import IS_SOAK

START, SCRAPE_S, SCRAPES = 1_700_000_000, 15, 81
AT = START + SCRAPE_S * (SCRAPES - 1)
WINDOW = "10m"
BOUNDS = ("0.1", "0.5", "1.0", "+Inf")
Group = tuple[str, ...]
Events = Mapping[Group, float]


def counters() -> Iterator[Samples]:
    """Counters that never reset, of two routes and three codes, and a histogram of each route."""
    chance = np.random.default_rng(10)
    times_ms = (START + SCRAPE_S * np.arange(SCRAPES)) * 1000
    for metric in ("requests_total", "failures_total", "sent_total"):
        for route in ("/a", "/b"):
            for code in ("200", "404", "500"):
                values = np.cumsum(chance.poisson(chance.uniform(1, 50), SCRAPES))
                labels = (("code", code), ("route", route))
                yield Samples(metric=metric, labels=labels, times_ms=times_ms, values=values)
    for route in ("/a", "/b"):
        values = np.zeros(SCRAPES, dtype=np.int64)
        for bound in BOUNDS:
            values = values + np.cumsum(chance.poisson(20, SCRAPES))
            labels = (("le", bound), ("route", route))
            yield Samples(metric="h_bucket", labels=labels, times_ms=times_ms, values=values)
        yield Samples(metric="h_count", labels=(("route", route),), times_ms=times_ms, values=values)


class Evaluated:
    """One Prometheus with these counters, and the increase of each of their series."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=60)
        self._increases = [
            (labels | {"__name__": metric}, value)
            for metric in ("requests_total", "failures_total", "sent_total", "h_bucket", "h_count")
            for labels, value in self._ask(f"increase({metric}[{WINDOW}])")
        ]

    def close(self) -> None:
        self._client.close()

    def value(self, expression: str, by: tuple[str, ...]) -> Events:
        """What Prometheus makes of an expression, by group."""
        text = expression.replace("[w]", f"[{WINDOW}]")
        return {tuple(labels.get(label, "") for label in by): value for labels, value in self._ask(text)}

    def counted(self, sli: WeightedSum) -> tuple[Events, Events]:
        """The total and the bad events by the weights of the SLI, by group."""
        total: defaultdict[Group, float] = defaultdict(float)
        bad: defaultdict[Group, float] = defaultdict(float)
        for labels, increase in self._increases:
            weights = sli.weights(labels)
            if weights is not None:
                group = tuple(labels.get(label, "") for label in sli.by)
                total[group] += weights.total * increase
                bad[group] += weights.bad * increase
        return total, bad

    def _ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        answer = self._client.post("/api/v1/query", data={"query": query, "time": str(AT)}).json()
        assert answer["status"] == "success", (query, answer)
        result: Any = answer["data"]["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluated]:
    folder: Path = tmp_path_factory.mktemp("prometheus")
    create_blocks(counters(), folder)
    with prometheus(folder) as server:
        found = Evaluated(server.url)
        yield found
        found.close()


# Each selects series of each group: what is absent is zero when it is counted, and makes a sum of PromQL absent.
MATCHERS = ('code="500"', 'code!="404"', 'code=~"4..|5.."', 'route=~"/.*"', 'route!~"/c"', 'code=~".+"')
NUMBERS = ("2", "0.5", "60", "3", "0.1")


class Author:
    """Writes sums of counters as people do, all with the same labels; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.by = self._chance.choice(["", " by (route)"])

    def sum(self, operands: int = 4) -> str:
        """A sum of at most so many counters."""
        if operands == 1 or self._chance.random() < 0.2:
            return self._counter()
        one, other = self.sum(operands // 2), self.sum(operands // 2)
        return self._chance.choice(
            [
                f"({one} + {other})",
                f"({one} + {other})",
                f"({one} - {other})",
                f"{self._chance.choice(NUMBERS)} * {one}",
                f"({one} / {self._chance.choice(NUMBERS)})",
                f"-({one})",
                f"({one} or {'0 * ' + other if self.by else 'vector(0)'})",
                f"({one} or 0 * {other})",
                f"clamp_min({one}, 0)",
                f"(({one}) > 0)",
                f"sum{self.by} ({one})",
                f"({one} / {other} * {other})",
            ]
        )

    def choice(self, *chosen: str) -> str:
        """One of some texts."""
        return self._chance.choice(chosen)

    def _counter(self) -> str:
        if self._chance.random() < 0.5:
            names = ("requests_total", "failures_total", "sent_total")
            matchers = ",".join(self._chance.sample(MATCHERS, self._chance.randrange(3)))
            metric = f"{self._chance.choice(names)}{{{matchers}}}"
        else:
            bounds = [f"h_bucket{{le={quote(bound)}}}" for bound in BOUNDS]
            metric = self._chance.choice(["h_count", *bounds])
        return f"sum{self.by} (increase({metric}[w]))"


SEEDS = range(2000 if IS_SOAK else 150)


@pytest.mark.soak
def test_a_sum_is_what_prometheus_makes_of_it(evaluated: Evaluated) -> None:
    """Of all that is accepted, in each group, the total and the bad events are those of the expressions."""
    compared = 0
    for seed in SEEDS:
        author = Author(seed)
        total, part, is_good = author.sum(), author.sum(), author.choice("good", "bad") == "good"
        try:
            sli = _is_sum(sli_of(total=total, good=part) if is_good else sli_of(total=total, bad=part))
        except NotExpressibleError:
            continue
        of_total, of_part = evaluated.value(total, sli.by), evaluated.value(part, sli.by)
        counted, bad = evaluated.counted(sli)
        scale = _scale(of_total, counted)
        # Counting takes negative bad events of a window for none by itself.
        least = 0.0 if _floors(part) else -math.inf
        for group, events in of_total.items():
            there = of_part.get(group, 0.0)
            wanted = events - there if is_good else there
            said = (seed, total, part)
            assert counted[group] * scale == pytest.approx(events, rel=1e-6, abs=1e-6), said
            found, wanted = max(bad[group] * scale, least), max(wanted, least)
            assert found == pytest.approx(wanted, rel=1e-6, abs=1e-6 * abs(events)), said
            compared += 1
    assert compared > len(SEEDS) / 4


@pytest.mark.soak
def test_an_error_ratio_is_what_prometheus_makes_of_it(evaluated: Evaluated) -> None:
    """Of all that is accepted, in each group with events."""
    compared = 0
    for seed in SEEDS:
        author = Author(seed)
        total, part = author.sum(), author.sum()
        expression = author.choice(f"{part} / {total}", f"1 - {part} / {total}", f"({total} - {part}) / ({total} > 0)")
        try:
            sli = _is_sum(sli_of_error_ratio(expression))
        except NotExpressibleError:
            continue
        counted, bad = evaluated.counted(sli)
        # Counting brings each window between 0 and 1 by itself.
        least, most = (0.0, 1.0) if _floors(expression) else (-math.inf, math.inf)
        for group, ratio in evaluated.value(expression, sli.by).items():
            if counted[group] > 0 and math.isfinite(ratio):
                found, wanted = (min(max(one, least), most) for one in (bad[group] / counted[group], ratio))
                assert found == pytest.approx(wanted, rel=1e-6, abs=1e-6), (seed, expression)
                compared += 1
    assert compared > len(SEEDS) / 4


@pytest.mark.soak
def test_the_rule_of_an_sli_is_its_error_ratio(evaluated: Evaluated) -> None:
    """Rules that are written for Prometheus give the share of bad events, between 0 and 1."""
    compared = 0
    for seed in SEEDS:
        author = Author(seed)
        total, part = author.sum(), author.sum()
        try:
            sli = _is_sum(sli_of(total=total, bad=part))
        except NotExpressibleError:
            continue
        counted, bad = evaluated.counted(sli)
        for group, ratio in evaluated.value(sli.error_ratio(timedelta(minutes=10)), sli.by).items():
            events = max(bad[group], 0.0)
            wanted = events / max(counted[group], events)
            assert ratio == pytest.approx(wanted, rel=1e-6, abs=1e-9), (seed, total, part)
            compared += 1
    assert compared > len(SEEDS) / 4


DOCUMENTS = {
    'sum(increase(requests_total{code="500"}[10m])) / sum(increase(requests_total[10m]))': """
version: prometheus/v1
service: a
slos:
  - name: b
    objective: 99
    sli:
      events:
        error_query: sum(rate(requests_total{code="500"}[{{.window}}]))
        total_query: sum(rate(requests_total[{{.window}}]))
    alerting: {name: A}
""",
    'sum by (route) (increase(h_count[10m]) - ignoring(le) increase(h_bucket{le="0.5"}[10m])) '
    "/ sum by (route) (increase(h_count[10m]))": """
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: b}
spec:
  target: "99"
  window: 2w
  indicator:
    latency:
      success: {metric: 'h_bucket{le="0.5"}'}
      total: {metric: h_count}
      grouping: [route]
""",
    "sum(count_over_time((sent_total > 500)[10m:30s])) / sum(count_over_time(sent_total[10m:30s]))": """
apiVersion: openslo/v1
kind: SLO
metadata: {name: b}
spec:
  service: a
  indicator: {spec: {thresholdMetric: {metricSource: {type: Prometheus, spec: {query: sent_total}}}}}
  timeWindow: [{duration: 1w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lte, value: 500, target: 0.99}]
""",
    "avg_over_time((max(rate(h_count[5m])) > bool 5.4)[10m:1m])": """
version: prometheus/v1
service: a
slos:
  - name: b
    objective: 99
    sli: {raw: {error_ratio_query: 'max(rate(h_count[{{.window}}])) > bool 5.4'}}
    alerting: {name: A}
""",
}
"""Documents of other tools by the error ratio that they mean, as their authors would ask Prometheus for it."""


@pytest.mark.parametrize("target", Target)
@pytest.mark.parametrize("meant", DOCUMENTS)
def test_a_converted_document_means_what_it_was_made_of(
    evaluated: Evaluated, meant: str, target: Target, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(DOCUMENTS[meant])
    (converted,) = convert_documents(tmp_path, defaults=Defaults(), target=target).files
    (slo,) = (placed.slo for placed in read_texts({tmp_path: converted.text}).placed)
    found = evaluated.value(slo.sli.error_ratio(timedelta(minutes=10)), slo.sli.by)
    wanted = evaluated.value(meant, slo.sli.by)
    assert found.keys() == wanted.keys()
    assert 0 < sum(wanted.values()) < len(wanted)
    for group, ratio in wanted.items():
        # Subqueries of rules have the grid of the server.
        assert found[group] == pytest.approx(ratio, rel=1e-6, abs=0.03 if "_over_time" in meant else 0)


def _is_sum(sli: object) -> WeightedSum:
    assert isinstance(sli, WeightedSum)
    return sli


def _scale(expected: Events, counted: Events) -> float:
    """How many events of the expression are one that is counted: weights are relative to the largest."""
    group = max(expected, key=lambda each: abs(expected[each]))
    return expected[group] / counted[group] if counted[group] else 1.0


def _floors(expression: str) -> bool:
    return "clamp_min" in expression or "> 0" in expression
