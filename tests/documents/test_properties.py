"""Whatever stands in a file, the loader answers with SLOs or with errors that have a place."""

import json
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from app.documents import load_documents
from app.documents.lint.comments import read_comments
from app.yamldoc.findings import Findings

_FIXTURES = Path(__file__).parent / "fixtures"
_GOOD = [file.read_text(encoding="utf-8") for file in sorted(_FIXTURES.glob("*-good.yaml"))]
_PIECES = [
    *[
        "{",
        "}",
        "[",
        "]",
        ":",
        "- ",
        "\n",
        "\t",
        "'",
        '"',
        "|",
        ">",
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "---\n",
        "...\n",
        "#",
        "%",
    ],
    *[
        "null",
        "true",
        "off",
        "0",
        "-1",
        "1e400",
        "99.9",
        "0.999",
        "100",
        "30d",
        "9999999999d",
        "1h",
        ".inf",
        "~",
        "?",
        ",",
    ],
    *[
        "slos",
        "sli",
        "total",
        "bad",
        "good",
        "by",
        "page",
        "tiers",
        "le",
        "name: x",
        "\ufeff",
        "\x00",
        "\x85",
        "\u2028",
        "é",
    ],
]

_KEYS = [
    *["service", "labels", "slos", "name", "objective", "window", "calendar", "timezone", "by", "alerting"],
    *["sli", "total", "bad", "good", "histogram", "selector", "threshold", "page", "ticket", "annotations"],
    *["tiers", "long", "short", "factor", "budget", "for", "keep_firing_for"],
]


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(_GOOD))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 20)))
        text = text[:start] + draw(st.sampled_from(_PIECES) | st.just(text[start:end] * 2) | st.just("")) + text[end:]
    return text


def _check(data: bytes, suffix: str = ".yaml") -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"slos{suffix}"
        file.write_bytes(data)
        result = load_documents(file)
    for found in (*result.errors, *result.warnings):
        assert found.file == file
        assert found.problem
        assert found.remedy
        assert "\n" not in str(found)
    assert len(result.digest) == 64


@given(_mutated())
@example("service: &a [*a]")
@example("slos: [{sli: {histogram: a, threshold: 1e15}}]")
@example("slos: [{sli: {histogram: a_seconds, threshold: 99999999999999999999}}]")
@example("{slos: [{window: 999999999999999999999999d}]}")
@example("{slos: [{alerting: {page: {tiers: [{long: 1h, short: 5m, budget: 1e-14%}]}}}]}")
def test_a_damaged_document_never_raises(text: str) -> None:
    _check(text.encode())


@given(st.binary(max_size=200))
def test_bytes_never_raise(data: bytes) -> None:
    _check(data)
    _check(data, ".json")


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(_PIECES)
_keys = st.sampled_from(_KEYS) | st.text(max_size=5)
_trees = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=6))


@given(st.fixed_dictionaries({"service": _scalars, "slos": st.lists(st.dictionaries(_keys, _trees, max_size=8))}))
def test_any_tree_under_the_known_keys_never_raises(document: dict[str, object]) -> None:
    _check(json.dumps(document).encode(), ".json")


_OUTSIDE = "service: outside\nslos: [{name: canary, objective: 99, window: 30d, sli: {total: a_total, bad: b_total}}]\n"
_ENTRIES = st.sampled_from(["file", "folder", "inside", "outside", "out of the folder", "itself", "nothing", "hidden"])


@given(st.lists(_ENTRIES, max_size=6), st.sampled_from(_GOOD))
def test_nothing_outside_the_folder_is_read(entries: list[str], text: str) -> None:
    """Whatever links are in a folder, what they lead to outside is neither loaded nor quoted."""
    with tempfile.TemporaryDirectory() as base:
        folder, outside = Path(base, "slos"), Path(base, "outside")
        for each in (folder, outside):
            each.mkdir()
        (outside / "canary.yaml").write_text(_OUTSIDE)
        for i, entry in enumerate(entries):
            path = folder / f"{i}.yaml"
            if entry == "file":
                path.write_text(text)
            elif entry == "folder":
                path.mkdir()
                (path / "below.yaml").symlink_to("../../outside/canary.yaml")
            elif entry == "hidden":
                (folder / f".{i}.yaml").write_text(_OUTSIDE)
            else:
                targets = {"inside": "0.yaml", "outside": "../outside/canary.yaml", "out of the folder": "../outside"}
                path.symlink_to({**targets, "itself": path.name, "nothing": "none.yaml"}[entry])
        result = load_documents(folder)
    assert not any("canary" in slo.id for slo in result.slos)
    assert not any("service: outside" in str(found) for found in (*result.errors, *result.warnings))


_COMMENTED = [
    "a: 1",
    "  b: 2",
    "- c",
    "  - d: 3",
    "---",
    "",
    "#",
    "# sloburn: ignore=no_runbook",
    "a # sloburn: ignore=x",
]


@given(st.lists(st.sampled_from(_COMMENTED) | st.text(max_size=8), max_size=20))
def test_lines_with_comments_are_spans_that_do_not_overlap(lines: list[str]) -> None:
    for spans in read_comments("\n".join(lines), Path("a.yaml"), Findings()).values():
        ends = [line for span in spans for line in span]
        assert ends == sorted(ends)
