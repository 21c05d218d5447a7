"""Documents that are written to take for ever, or all memory, load or are refused; without a bound none would end."""

from pathlib import Path

import pytest

from app.documents import LoadResult, load_documents

_SLO = "objective: 99, window: 30d, sli: {total: a_total, bad: b_total}"
_HEAD = "service: s\nslos:\n"


def _load(folder: Path, text: str) -> LoadResult:
    file = folder / "bomb.yaml"
    file.write_text(text)
    return load_documents(file)


def _composite(name: str, *components: str) -> str:
    return f"- {{name: {name}, objective: 99, window: 30d, sli: {{all_of: [{', '.join(components)}]}}}}\n"


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "{{" * 300_000,
        "a: " + "{{ (." * 300_000,
        "a: '{{-" + " " * 300_000 + "'",
        "\n" * 300_000 + "{{",
        ("\n" + " " * 50) * 20_000 + "{{ x",
        f"{_HEAD}- {{name: a, objective: 99, window: 30d, sli: {{total: 'rate(a[{'{{' * 2000}])', bad: b_total}}}}\n",
        _HEAD + "".join(f"- {{name: n{i}, {_SLO}, sla: [}}\n" for i in range(100)),
    ],
    ids=["braces", "actions", "spaces", "lines", "indented", "query", "brackets"],
)
def test_text_that_expressions_could_go_through_again_and_again(text: str, tmp_path: Path) -> None:
    assert _load(tmp_path, text).slos == ()


@pytest.mark.parametrize("text", ["{{" * 100_000, "{{ $ " * 100_000, "{{ x" + " " * 100_000], ids=len)
def test_annotations_of_braces(text: str, tmp_path: Path) -> None:
    head = "version: prometheus/v1\nservice: a\nslos:\n- name: a\n  objective: 99\n"
    sli = "  sli: {events: {total_query: a_total, error_query: b_total}}\n"
    result = _load(tmp_path, f"{head}{sli}  alerting: {{name: A, annotations: {{x: '{text}'}}}}\n")
    assert len(result.slos) == 1


def test_a_long_chain_of_composites_is_refused(tmp_path: Path) -> None:
    links = [_composite(f"c{i}", f"s-c{i + 1}") for i in range(1000)]
    last = f"- {{name: c1000, {_SLO}}}\n"
    for order in (links, links[::-1]):
        result = _load(tmp_path, "".join([_HEAD, *order, last]))
        assert {error.code for error in result.errors} == {"component"}


def test_composites_that_double_at_each_level_are_refused(tmp_path: Path) -> None:
    levels = [_composite(f"{one}{i + 1}", f"s-c{i}", f"s-d{i}") for i in range(30) for one in "cd"]
    result = _load(tmp_path, "".join([_HEAD, *(f"- {{name: {one}0, {_SLO}}}\n" for one in "cd"), *levels]))
    assert len(result.slos) == 2 + 2 * 8
    assert {error.code for error in result.errors} == {"component"}


def test_names_are_suggested_for_some_of_many_missing_components_only(tmp_path: Path) -> None:
    known = [f"- {{name: known{i}, {_SLO}}}\n" for i in range(300)]
    result = _load(tmp_path, "".join([_HEAD, *known, *(_composite(f"c{i}", f"s-knwn{i}") for i in range(300))]))
    suggested = [error for error in result.errors if "did you mean" in error.remedy]
    assert (len(result.errors), len(suggested)) == (300, 20)


def test_labels_that_every_slo_would_repeat_are_bounded(tmp_path: Path) -> None:
    labels = ", ".join(f"l{i}: x" for i in range(15_000))
    slos = "".join(f"- {{name: n{i}, {_SLO}}}\n" for i in range(100))
    (error,) = _load(tmp_path, f"service: s\nlabels: {{{labels}}}\nslos:\n{slos}").errors
    assert (error.field, error.problem) == ("labels", "has 15000 items")
