import json
import re
from pathlib import Path

import orjson
import pytest
from pydantic import TypeAdapter

from app.api.charts.models import ContributorsModel, DaysModel, GroupModel, RangesModel
from app.api.models import ActiveAlertModel, ProblemModel, SloModel
from tests.support.api import Served

DOCS = Path(__file__).parents[2] / "docs" / "http.md"


def test_the_docs_list_exactly_the_routes_that_there_are() -> None:
    paths = Served().app().openapi()["paths"]
    routes = {(method.upper(), path) for path, methods in paths.items() for method in methods}

    documented = set(re.findall(r"^\| `(GET|POST|PUT|DELETE) (\S+)` \|", DOCS.read_text(), re.MULTILINE))

    assert documented == routes


def test_the_docs_name_every_parameter_and_every_state() -> None:
    text = DOCS.read_text()
    schema = Served().app().openapi()
    parameters = {
        parameter["name"]
        for methods in schema["paths"].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }
    states = {
        state
        for name in ("DataState", "HealthState", "AlertState", "TransitionKind", "IncidentState", "IncidentMark")
        for state in schema["components"]["schemas"][name]["enum"]
    }

    missing = sorted(name for name in parameters | states if f"`{name}`" not in text)
    assert missing == []


@pytest.mark.parametrize(
    "model", [SloModel, ActiveAlertModel, ProblemModel, RangesModel, GroupModel, DaysModel, ContributorsModel]
)
def test_the_examples_of_the_docs_have_every_field(model: type) -> None:
    """A client is written after them."""
    required = set(TypeAdapter(model).json_schema()["required"])
    blocks = re.findall(r"^    \{.*?\n(?!    )", DOCS.read_text() + "\n", re.MULTILINE | re.DOTALL)
    (example,) = (found for found in map(json.loads, blocks) if required <= set(found))

    TypeAdapter(model).validate_json(orjson.dumps(example))
