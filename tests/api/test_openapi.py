import json

import orjson
import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from app.api.models import ActiveAlertModel, SloModel
from tests.support.api import Served
from tests.support.golden import assert_golden


def test_openapi_is_valid_and_the_reviewed_one() -> None:
    from openapi_spec_validator import validate  # noqa: PLC0415  each worker of pytest would import it

    schema = TestClient(Served().app()).get("/openapi.json").json()

    validate(schema)
    assert_golden("openapi.json", json.dumps(schema, indent=2) + "\n")


def test_every_answer_has_an_example_that_fits_its_schema() -> None:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  as above

    document = Served().app().openapi()
    contents = {
        f"{method} {path}": response["content"]["application/json"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        if status.startswith("2") and "application/json" in response.get("content", {})
    }
    assert len(contents) > 20
    for place, content in contents.items():
        schema = {**content["schema"], "components": document["components"]}
        examples = content.get("examples") or {"": {"value": content["example"]}}
        for example in examples.values():
            errors = [error.message for error in Draft202012Validator(schema).iter_errors(example["value"])]
            assert errors == [], place


@pytest.mark.parametrize("model", [SloModel, ActiveAlertModel])
def test_the_examples_fit_their_schema(model: type) -> None:
    examples = TypeAdapter(model).json_schema()["examples"]
    assert examples
    for example in examples:
        TypeAdapter(model).validate_json(orjson.dumps(example))
