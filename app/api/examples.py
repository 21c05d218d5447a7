"""Examples of answers that no model gives as a whole: put together from those of their parts."""

from collections.abc import Mapping
from typing import Any

_REF = "#/components/schemas/"
_OF_FORMAT = {"date-time": "2026-03-01T12:00:00Z", "date": "2026-03-01", "uri": "https://slo.example.org/"}
_OF_NAME: Mapping[str, Any] = {
    "actor": "ada",
    "author": "ada",
    "detail": "no series match",
    "environment": "production",
    "id": "5f2d9c1e",
    "incident": "5f2d9c1e",
    "incidents": ["5f2d9c1e"],
    "name": "checkout",
    "next": None,
    "owner": "ada",
    "problem": None,
    "service": "checkout",
    "services": ["checkout"],
    "slo": "checkout-availability",
    "slos": ["checkout-availability"],
    "url": "https://slo.example.org/",
}
_OF_TYPE: Mapping[str, Any] = {"integer": 1, "number": 1.0, "boolean": True, "string": "…", "null": None}


def add_examples(document: dict[str, Any]) -> None:
    """Give each JSON answer of the OpenAPI document that has no example the one that its schema leads to.

    FastAPI leaves out what is null of the examples of models: it is put back.
    """
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        if "examples" in schema:
            schema["examples"] = [with_nulls(example, schema, schemas) for example in schema["examples"]]
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if content is not None and status.startswith("2") and not content.keys() & {"example", "examples"}:
                    content["example"] = example_of(content["schema"], schemas)


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value that fits a schema: its own example, or one of its parts; of *schemas* others are parts by their names.

    >>> example_of({"type": "array", "items": {"examples": ["30d"], "type": "string"}}, {})
    ['30d']
    """
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].removeprefix(_REF)], schemas)
    if "anyOf" in schema and "default" not in schema:
        return example_of(schema["anyOf"][0], schemas)
    written = [*schema.get("examples", ()), *(schema[key] for key in ("const", "default") if key in schema)]
    written += schema.get("enum", ())
    if written:
        return written[0]
    match schema.get("type"):
        case "array":
            return [example_of(schema.get("items", {}), schemas)]
        case "object":
            properties = schema.get("properties", {})
            return {name: _example_of_property(name, part, schemas) for name, part in properties.items()}
        case kind:
            return _OF_FORMAT.get(schema.get("format", ""), _OF_TYPE.get(str(kind)))


def with_nulls(example: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """The example with null for each property that its schema requires and that it lacks."""
    if "$ref" in schema:
        return with_nulls(example, schemas[schema["$ref"].removeprefix(_REF)], schemas)
    if isinstance(example, list):
        return [with_nulls(one, schema.get("items", {}), schemas) for one in example]
    if not isinstance(example, dict):
        return example
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            return with_nulls(example, option, schemas)
    properties = schema.get("properties", {})
    found = {name: with_nulls(value, properties.get(name, {}), schemas) for name, value in example.items()}
    return found | {name: None for name in schema.get("required", ()) if name not in found}


def _example_of_property(name: str, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    known = _OF_NAME.get(name)
    kinds = {schema.get("type"), *(option.get("type") for option in schema.get("anyOf", ()))}
    kind = {str: "string", list: "array", type(None): "null"}[type(known)]
    fits = name in _OF_NAME and kind in kinds and not schema.get("examples") and "enum" not in schema
    return known if fits else example_of(schema, schemas)
