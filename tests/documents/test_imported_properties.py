"""Whatever stands in the place of any value of a document of another tool: it loads, or is refused with a remedy."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.documents import load_documents

_FIXTURES = sorted(
    file
    for dialect in ("sloth", "pyrra", "openslo", "nobl9")
    for file in (Path(__file__).parent / dialect / "fixtures").glob("*.yaml")
    if "bad" not in file.name
)
_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.sampled_from([0.5, 1e300, -1.0]),
    st.sampled_from(
        ["", " ", "a" * 2000, "{{.x}}", "{{.window}}", "1w", "9999999999d", "sum(", "\u0000x", "0", "é", "[5m]"]
    ),
    st.text(max_size=8),
    st.lists(st.one_of(st.none(), st.text(max_size=3), st.dictionaries(st.text(max_size=3), st.none())), max_size=3),
    st.dictionaries(st.text(max_size=3), st.one_of(st.none(), st.text(max_size=3)), max_size=2),
)


def _roots(document: Any) -> list[Any]:
    return document if isinstance(document, list) else [document]


def _paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in members:
        yield (*path, key)
        yield from _paths(value, (*path, key))


@pytest.mark.parametrize("file", _FIXTURES, ids=lambda file: f"{file.parent.parent.name}-{file.stem}")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_value_of_a_document_crashes_the_loader(file: Path, tmp_path: Path, data: st.DataObject) -> None:
    roots = [root for document in yaml.safe_load_all(file.read_text()) for root in _roots(document)]
    # A start time is a date in YAML, and a text in JSON.
    documents = json.loads(json.dumps(roots, default=str))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(sorted(_paths(documents), key=str)))
        parent = documents
        for step in path[:-1]:
            parent = parent[step]
        if data.draw(st.booleans()) and isinstance(parent, dict):
            del parent[path[-1]]
        else:
            parent[path[-1]] = copy.deepcopy(data.draw(_ODD))
        if not list(_paths(documents)):
            return
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(documents))
    result = load_documents(changed)
    for found in (*result.errors, *result.warnings):
        assert found.problem
        assert found.remedy
        assert str(found).isprintable()
