"""Selectors survive the way to PromQL and back, and mean the same to Prometheus itself."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.promql.selector_text import SelectorError, parse_selector, quote, render, with_escaped_names
from app.slo import Matcher, MatchOp, Selector
from testbed.servers import Server, prometheus, promtool_binary
from testbed.waiting import PATIENCE_S

_ODD_VALUES = [
    'x="} or vector(1) #',
    "back\\slash \\d \\",
    "quo\"te ' ` all",
    "new\nline\r\ttab",
    "nul \x00 bell \x07 del \x7f",
    "\ufffd replacement",
    "\u00a0 no-break, \u2028 separator, \u200b zero width",
    "ünïcode 日本語 \U0001f600",
    "",
]


def _labels() -> st.SearchStrategy[str]:
    return st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(lambda name: name != "__name__")


def _matchers() -> st.SearchStrategy[Matcher]:
    return st.builds(Matcher, _labels(), st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), st.text())


def _metric_names() -> st.SearchStrategy[str]:
    words = st.sampled_from(["on", "inf", "NaN", "sum", "by", "offset", "rate", "start", "bool", "a:b", "é.total"])
    return st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True) | words | st.text(min_size=1)


@given(name=_metric_names(), matchers=st.lists(_matchers(), max_size=4))
def test_rendering_and_parsing_gives_the_same_selector(name: str, matchers: list[Matcher]) -> None:
    """Whatever stands in a label value or in a metric's name, it is never read as code."""
    selector = Selector((Matcher("__name__", MatchOp.EQUAL, name), *matchers))
    assert parse_selector(render(selector)) == selector


@given(st.text())
def test_any_text_is_a_selector_or_an_error(text: str) -> None:
    """Text that people write raises SelectorError at worst."""
    try:
        selector = parse_selector(text)
    except SelectorError:
        return
    assert parse_selector(render(selector)) == selector


def test_the_metric_name_is_a_matcher() -> None:
    assert parse_selector('up{job=~"a|b"}') == Selector(
        (Matcher("__name__", MatchOp.EQUAL, "up"), Matcher("job", MatchOp.REGEX, "a|b"))
    )


def test_equal_selectors_compare_equal_however_they_are_written() -> None:
    assert parse_selector(r'm{a=~`5\d"`,b="`"}  # `') == parse_selector(r'm{a=~"5\\d\"",b="`"}')
    assert parse_selector("m{b='2', a=`1`,}  # why") == parse_selector('{a="1",__name__="m",b="2"}')


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("up", "up"),
        ("up{}", "up"),
        ('{__name__=~"a|b", job="x"}', '{__name__=~"a|b",job="x"}'),
        ('{"http.requests", code!="200"}', '{__name__="http.requests",code!="200"}'),
        ('{"service.name"="web"}', '{"service.name"="web"}'),
        ('m{code!~"5..|429"}', 'm{code!~"5..|429"}'),
    ],
)
def test_rendering_is_canonical(text: str, rendered: str) -> None:
    assert render(parse_selector(text)) == rendered


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("rate(m[5m])", "rate() is not a selector", "write m"),
        ('sum(rate(m{a="b"}[5m])) by (job)', "an aggregation is not", 'write m{a="b"}'),
        ("m[5m]", "no range", "write m"),
        ("m[5m:30s]", "no range", "write m"),
        ("m offset 5m", "carries no time", "write m"),
        ("m @ 0", "carries no time", "write m"),
        ("a / b", "an expression is not", "write a bare selector such as"),
        ("(m)", "an expression is not", "write m"),
        ("-m", "an expression is not", "write m"),
        ("5", "a literal is not", "write a bare selector"),
        ('{a="b" or c="d"}', "`or` between matchers", "write a regex"),
        ("", "not PromQL", "write a selector such as"),
        ("m{", "not PromQL", "write a selector such as"),
        ("{}", "non-empty matcher", "write a selector such as"),
        ('m{a=~"("}', "illegal regex", "write a selector such as"),
        ('m{a=~"(?x)a"}', "is not RE2", "re2/wiki/Syntax"),
        ("a" + "+a" * 100_000, "more than 8192 characters", "write shorter"),
        ("(" * 8_000, "not PromQL", "write a selector such as"),
    ],
)
def test_what_is_not_a_bare_selector_is_refused_with_what_to_write(text: str, problem: str, remedy: str) -> None:
    with pytest.raises(SelectorError) as refused:
        parse_selector(text)
    assert problem in refused.value.problem
    assert remedy in refused.value.remedy


def test_quoting_escapes_what_ends_a_literal() -> None:
    assert quote('a"\\\n\x00') == r'"a\"\\\u000a\u0000"'


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder, prometheus(Path(folder)) as running:
        yield running


def test_prometheus_reads_what_is_rendered(server: Server) -> None:
    """Prometheus formats the selector back to the same values, so it has read the same ones."""
    for value in _ODD_VALUES:
        for op in (MatchOp.EQUAL, MatchOp.NOT_EQUAL):
            selector = Selector((Matcher("__name__", MatchOp.EQUAL, "m"), Matcher("a", op, value)))
            assert parse_selector(_format(server, render(selector))) == selector


def test_prometheus_finds_the_series_with_odd_label_values(tmp_path: Path) -> None:
    """A series of every odd value is found by its own selector, and only by it."""
    samples = "".join(f'm{{a="{_exposed(value)}"}} {i} 1700000000\n' for i, value in enumerate(_ODD_VALUES) if value)
    openmetrics = tmp_path / "samples.txt"
    openmetrics.write_text(f"# TYPE m gauge\n{samples}# EOF\n", encoding="utf-8", newline="")
    data = tmp_path / "data"
    command = [promtool_binary(), "tsdb", "create-blocks-from", "openmetrics", str(openmetrics), str(data)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    with prometheus(data, flags=["--storage.tsdb.retention.size=1GB"], retention="20y") as server:
        # The empty one is a label that is not there.
        for i, value in [(i, value) for i, value in enumerate(_ODD_VALUES) if value]:
            selector = Selector((Matcher("__name__", MatchOp.EQUAL, "m"), Matcher("a", MatchOp.EQUAL, value)))
            assert _values(server, render(selector)) == [str(i)]


def _exposed(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _format(server: Server, query: str) -> str:
    with urlopen(f"{server.url}/api/v1/format_query", urlencode({"query": query}).encode()) as answer:  # noqa: S310  loopback
        return str(json.load(answer)["data"])


def _values(server: Server, query: str) -> list[str]:
    form = urlencode({"query": query, "time": 1_700_000_060}).encode()
    with urlopen(f"{server.url}/api/v1/query", form) as answer:  # noqa: S310  loopback
        return [series["value"][1] for series in json.load(answer)["data"]["result"]]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ('{"http.server.requests","http.route"=~"a.b"}', r'{__name__="http.server.requests",http\.route=~"a.b"}'),
        ('sum by (job,"a.b","c d") (m{x="1",y="a.b"})', r'sum by (job,a\.b,c\ d) (m{x="1",y="a.b"})'),
        ('m{__name__="a.b", "k.l" != "x"}', r'm{__name__="a.b", k\.l != "x"}'),
        ('label_replace(m{a="1"}, "dst", "$1", "src", "(.*)")', 'label_replace(m{a="1"}, "dst", "$1", "src", "(.*)")'),
        ('count_values by (a) ("v.w", m) # "x.y" = 1', 'count_values by (a) ("v.w", m) # "x.y" = 1'),
    ],
)
def test_names_in_quotes_can_be_written_as_metricsql_has_them(text: str, escaped: str) -> None:
    assert with_escaped_names(text) == escaped
