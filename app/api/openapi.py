"""The description of the API: problem details for every error, and one page at `/docs` that works offline."""

from http import HTTPStatus
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from starlette.responses import FileResponse, HTMLResponse, Response

from app.access import AccessScope, Needs
from app.api.examples import add_examples
from app.api.manual import manual_routes
from app.api.models import ProblemModel
from app.api.needs import declared_needs

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
# The bundled viewer sets styles from script and shows its icons as data URLs; it loads nothing from elsewhere.
_CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sloburn API</title>
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
</head>
<body>
<p><a href="./">Sloburn: overview</a></p>
<div id="api"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/assets/start.js"></script>
</body>
</html>
"""
_START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#api", deepLinking: true, tryItOutEnabled: true});\n'

Responses = dict[int | str, dict[str, Any]]


def answers(model: type, description: str, **problems: str) -> Responses:
    """What a route answers: *model* when all is well, and the named problems (``not_found="..."``)."""
    return {200: {"model": model, "description": description}} | problem_answers(**problems)


def text_answer(media_type: str, description: str) -> Responses:
    """What a route answers whose answer is no JSON."""
    return {200: {"description": description, "content": {media_type: {"schema": {"type": "string"}}}}}


def problem_answers(**problems: str) -> Responses:
    """The error answers of a route by the name of their status, each with its description."""
    return {
        HTTPStatus[name.upper()].value: {"description": description, "content": _PROBLEM}
        for name, description in problems.items()
    }


def describe(app: FastAPI, *, prefix: str = "") -> None:
    """Let the app's OpenAPI document hold what all operations have in common: their errors, and conditional GETs.

    *prefix* is the path of the external URL, below which clients reach the operations.
    """

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=_TAGS,
                servers=[{"url": prefix}] if prefix else None,
            )
            schemas = schema["components"]["schemas"]
            schemas["Problem"] = TypeAdapter(ProblemModel).json_schema()
            for name in _OF_FASTAPI:
                schemas.pop(name, None)
            schema["components"]["securitySchemes"] = _SECURITY_SCHEMES
            wanted = {(path, method): needs for path, method, needs in declared_needs(app)}
            for path, operations in schema["paths"].items():
                for method, operation in operations.items():
                    _complete(operation, method, wanted[path, method])
            add_examples(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents to extend it


def _complete(operation: dict[str, Any], method: str, wanted: Needs) -> None:
    # FastAPI's summary is the name of a function; the first line of its docstring says what the operation does.
    first, _, rest = operation.pop("description").partition("\n")
    operation["summary"] = first.rstrip(".")
    if rest.strip():
        operation["description"] = rest.strip()
    responses = operation["responses"]
    problems = _ANY_PROBLEM
    if wanted.scopes:
        # The roles of OpenAPI 3.1; without a token as far as the settings let everybody read.
        operation["security"] = [{"token": [scope.value]} for scope in wanted.scopes]
        if AccessScope.READ in wanted.scopes:
            operation["security"].append({})
        problems = problems | _ACCESS_PROBLEMS
    for status, problem in problem_answers(**problems).items():
        documented = responses.get(str(status), {})
        # JSON there is FastAPI's own form of an error, which is never sent; text is what a hook answers.
        others = {kind: form for kind, form in documented.get("content", {}).items() if kind != "application/json"}
        if "application/problem+json" not in others:
            responses[str(status)] = problem | {"content": problem["content"] | others}
    if method == "get" and "application/json" in responses["200"].get("content", {}):
        responses["200"]["headers"] = {
            "ETag": {"description": "Changes with the answer.", "schema": {"type": "string"}}
        }
        responses["304"] = {"description": "The same as the answer that `If-None-Match` names"}
    operation["responses"] = dict(sorted(responses.items()))


# The shape in which FastAPI itself would answer a bad parameter.
_OF_FASTAPI = ("HTTPValidationError", "ValidationError")
# What any operation may answer, whichever route it is.
_ANY_PROBLEM = {
    "bad_request": "The request is not HTTP that the service can read",
    "request_entity_too_large": "The body is too large",
    "unprocessable_entity": "A parameter that is unknown, or that has a value that cannot be used",
    "internal_server_error": "A fault of the service; its log says more",
    "service_unavailable": "The service has too many requests to answer this one",
}

_ACCESS_PROBLEMS = {
    "unauthorized": "No token, or one that is not accepted",
    "forbidden": "A token without the scope, or changes are off",
    "too_many_requests": "Too many tokens that are not accepted came from this address, or too many changes",
}
_SECURITY_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `sloburn token create`, or of `SLOBURN_API_TOKEN`; the roles are its scopes.",
    }
}

_TAGS = [
    {"name": "slos", "description": "Budgets, burn rates and their past."},
    {"name": "alerts", "description": "Active alerts, transitions and notifications that were given up."},
    {"name": "incidents", "description": "What happened: what it cost, who was notified, what people say of it."},
    {"name": "timeline", "description": "Deploys and other changes, and what they cost."},
    {"name": "adjustments", "description": "Maintenance and corrections that budgets leave out or count as good."},
    {"name": "gate", "description": "Whether changes may go ahead, by error budget policies."},
    {"name": "access", "description": "Tokens of those who may do more than read."},
    {"name": "service", "description": "The service itself: health, metrics, configuration."},
]


def docs_routes() -> APIRouter:
    """The page that shows the OpenAPI document, with everything it needs, and the documentation as Markdown."""
    router = APIRouter(include_in_schema=False)
    router.include_router(manual_routes())
    static = files("fastapi_offline") / "static"

    @router.get("/docs")
    async def docs() -> Response:
        return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _CSP})

    @router.get("/docs/assets/start.js")
    async def start() -> Response:
        return Response(_START, media_type="text/javascript")

    for name, media_type in _ASSETS.items():
        router.add_api_route(f"/docs/assets/{name}", _file(str(static / name), media_type), methods=["GET"], name=name)
    return router


def _file(path: str, media_type: str) -> Any:
    async def serve() -> Response:
        return FileResponse(path, media_type=media_type, headers={"Cache-Control": "max-age=86400"})

    return serve
