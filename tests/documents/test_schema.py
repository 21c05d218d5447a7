"""The JSON Schema for editors: current, and of one mind with the loader."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from app.documents import json_schema, load_documents, policies_schema

_ROOT = Path(__file__).parents[2]
_FIXTURES = Path(__file__).parent / "fixtures"
_GOOD = sorted(
    [*(_ROOT / "config/slos").glob("*.yaml"), *_FIXTURES.glob("*-good.yaml"), *_FIXTURES.glob("*-good.json")]
)
_BLOCKS = re.findall(r"^```yaml\n(.*?)^```", (_ROOT / "docs/slo-format.md").read_text(), re.DOTALL | re.MULTILINE)


def _documents(text: str) -> list[Any]:
    return [document for document in yaml.safe_load_all(text) if document is not None]


def _errors(document: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(json_schema()).iter_errors(document)]


def test_the_committed_schema_is_current() -> None:
    """`python -m app.documents > docs/slo.schema.json` writes it anew."""
    assert json.loads((_ROOT / "docs/slo.schema.json").read_text()) == json_schema()
    assert json.loads((_ROOT / "docs/policies.schema.json").read_text()) == policies_schema()


def test_files_of_policies_have_a_schema_too() -> None:
    schema = policies_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    good = yaml.safe_load((_FIXTURES / "policies.yaml").read_text())
    assert [[*validator.iter_errors(one)] for one in (good, *schema["examples"])] == [[], []]
    (policy,) = good["policies"][:1]
    for wrong in ({"policies": [{**policy, "wat": 1}]}, {"policies": [{**policy, "states": [{"name": "a"}]}]}, {}):
        assert [*validator.iter_errors(wrong)]


def test_the_schema_is_a_schema_and_its_example_is_valid() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert [_errors(example) for example in schema["examples"]] == [[]]


@pytest.mark.parametrize("file", _GOOD, ids=lambda file: file.name)
def test_what_loads_is_valid(file: Path) -> None:
    text = file.read_text(encoding="utf-8-sig")
    documents = [json.loads(text)] if file.suffix == ".json" else _documents(text)
    assert [_errors(document) for document in documents] == [[]] * len(documents)


@pytest.mark.parametrize("name", ["structure", "objectives", "windows"])
def test_what_is_refused_for_its_structure_is_invalid(name: str) -> None:
    """Editors mark every SLO that has a wrong structure; what takes a parser or arithmetic is left to the loader."""
    for document in _documents((_FIXTURES / f"{name}-bad.yaml").read_text()):
        assert _errors(document)


@pytest.mark.parametrize("text", _BLOCKS)
def test_examples_of_the_documentation_load(text: str, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(text)
    result = load_documents(file)
    assert (result.errors, result.warnings) == ((), ())
    assert result.slos
    assert [_errors(document) for document in _documents(text)] == [[]] * len(_documents(text))


def test_the_documentation_names_every_key() -> None:
    text = (_ROOT / "docs/slo-format.md").read_text()
    models = [json_schema(), *json_schema()["$defs"].values()]
    keys = {key for model in models for key in model["properties"]}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", text)] == []


def test_the_default_folder_loads() -> None:
    result = load_documents(_ROOT / "config/slos")
    assert (result.errors, result.warnings) == ((), ())
    assert result.slos
