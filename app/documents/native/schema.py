"""The JSON Schemas of native documents and of files of policies, for editors."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema
from typing_extensions import override

from app.documents.native.model import DocumentModel
from app.documents.policies.model import PolicyFileModel

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EXAMPLE = {
    "service": "checkout",
    "labels": {"team": "payments"},
    "slos": [
        {
            "name": "availability",
            "objective": 99.9,
            "window": "30d",
            "sli": {
                "total": 'http_requests_total{job="checkout"}',
                "bad": 'http_requests_total{job="checkout",code=~"5.."}',
            },
        }
    ],
}


_POLICIES_EXAMPLE = {
    "policies": [
        {
            "name": "payments",
            "match": {"labels": {"team": "payments"}},
            "owners": ["payments-oncall"],
            "states": [
                {"name": "healthy", "deploys": "allow"},
                {"name": "freeze", "budget_left": "0%", "leave_above": "5%", "deploys": "deny", "notify": True},
            ],
        }
    ]
}


def json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12; editors find it by ``# yaml-language-server: $schema=<path or URL>``."""
    schema = DocumentModel.model_json_schema(by_alias=True, schema_generator=_Generator)
    head = {"$schema": _DIALECT, "title": "Sloburn SLO document", "description": "SLOs of one service."}
    return {**schema, **head, "examples": [_EXAMPLE]}


def policies_schema() -> dict[str, Any]:
    """The schema of a file of error budget policies."""
    schema = PolicyFileModel.model_json_schema(by_alias=True, schema_generator=_Generator)
    head = {
        "$schema": _DIALECT,
        "title": "Sloburn error budget policies",
        "description": "Error budget policies of many services.",
    }
    return {**schema, **head, "examples": [_POLICIES_EXAMPLE]}


class _Generator(GenerateJsonSchema):
    """Leaves out what says nothing to people: generated titles, and the models' defaults."""

    @override
    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False
