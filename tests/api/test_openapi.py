import json

import orjson
from fastapi.testclient import TestClient
from openapi_spec_validator import validate

from app.api.models import SloModel
from tests.support.api import Served
from tests.support.golden import assert_golden


def test_openapi_is_valid_and_the_reviewed_one() -> None:
    schema = TestClient(Served().app()).get("/openapi.json").json()

    validate(schema)
    assert_golden("openapi.json", json.dumps(schema, indent=2) + "\n")


def test_the_example_of_an_slo_fits_its_schema() -> None:
    for example in SloModel.model_json_schema()["examples"]:
        SloModel.model_validate_json(orjson.dumps(example))
