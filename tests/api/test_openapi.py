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


@pytest.mark.parametrize("model", [SloModel, ActiveAlertModel])
def test_the_examples_fit_their_schema(model: type) -> None:
    examples = TypeAdapter(model).json_schema()["examples"]
    assert examples
    for example in examples:
        TypeAdapter(model).validate_json(orjson.dumps(example))
