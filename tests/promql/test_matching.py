"""Which series a selector selects: as a real Prometheus answers."""

from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from app.promql.matching import implied_by, matches
from app.promql.plan import batches
from app.promql.selector_text import parse_selector, render
from app.slo import Matcher, MatchOp, Selector
from testbed.openmetrics import create_blocks
from testbed.process import Server
from testbed.servers import prometheus
from testbed.traces import Samples

AT = 1_800_000_000
VALUES = [
    "",
    "cart",
    "Cart",
    "cart-2",
    "a|b",
    "a.b",
    "aXb",
    "5",
    "500",
    "503",
    "ß",
    "日本",
    " ",
    "(",
    "$x^",
    "x y",
    "\\d",
    "{}",
    "a+b",
]
SERIES = [{"__name__": name, "v": value} for name in ("m_total", "n_total") for value in VALUES]
REGEXES = [
    "", ".", ".*", ".+", "cart|Cart", "(?i)CART", "cart(-2)?", "a|b", "a\\\\|b", "a.b", "a\\\\.b", "5..", "50[03]",
    "[[:digit:]]+",    "\\\\d+", "\\\\p{L}+", "\\\\w*", "^cart$", "(?:cart|)", "|cart", "x y", "[^a-z]*", "(?s).",
    "\\\\$x\\\\^", "c.*t", "a+b", "a\\\\+b",
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("matching")
    times = np.array([AT * 1000], dtype=np.int64)
    samples = [
        Samples(
            metric=labels["__name__"],
            labels=(("v", labels["v"].replace("\\", "\\\\")),),
            times_ms=times,
            values=np.array([number]),
        )
        for number, labels in enumerate(SERIES)
    ]
    create_blocks(samples, folder)
    with prometheus(folder) as running:
        yield running


def selected(server: Server, text: str) -> set[tuple[str, str]]:
    answer = httpx.post(f"{server.url}/api/v1/query", data={"query": text, "time": str(AT)}, trust_env=False)
    result = answer.raise_for_status().json()["data"]["result"]
    return {(one["metric"]["__name__"], one["metric"].get("v", "")) for one in result}


def ours(selector: Selector) -> set[tuple[str, str]]:
    # Prometheus drops empty labels.
    series = [{key: value for key, value in labels.items() if value} for labels in SERIES]
    return {(one["__name__"], one.get("v", "")) for one in series if matches(selector, one)}


@pytest.mark.parametrize("op", ["=~", "!~"])
@pytest.mark.parametrize("regex", REGEXES)
def test_regular_expressions_select_what_they_select_in_prometheus(server: Server, op: str, regex: str) -> None:
    text = f'm_total{{v{op}"{regex}"}}'
    selector = parse_selector(text)
    assert ours(selector) == selected(server, text) == selected(server, render(selector))


@pytest.mark.parametrize("op", [MatchOp.EQUAL, MatchOp.NOT_EQUAL])
@pytest.mark.parametrize("value", VALUES)
def test_plain_values_select_what_they_select_in_prometheus(server: Server, op: MatchOp, value: str) -> None:
    selector = Selector((Matcher("__name__", MatchOp.EQUAL, "n_total"), Matcher("v", op, value)))
    assert ours(selector) == selected(server, render(selector))


def test_packed_values_select_what_they_select_apart(server: Server) -> None:
    """Whatever characters are in them: an alternation is quoted as Prometheus wants it."""
    some = [
        Selector((Matcher("__name__", MatchOp.EQUAL, name), Matcher("v", MatchOp.EQUAL, value)))
        for name in ("m_total", "n_total")
        for value in VALUES[1:]
    ]
    found: set[tuple[str, str]] = set()
    for batch in batches(some):
        answer = selected(server, render(batch.selector))
        assert answer == ours(batch.selector)
        found |= answer
    assert found == {(name, value) for name in ("m_total", "n_total") for value in VALUES[1:]}


def test_a_narrower_selector_has_all_matchers_and_more() -> None:
    wide, narrow = parse_selector('m{job="a"}'), parse_selector('m{job="a",code="500"}')
    assert implied_by(wide, narrow)
    assert not implied_by(narrow, wide)
