"""The API as OpenAPI, from which programs generate clients: what each route answers, and what each tool takes."""

from __future__ import annotations

import warnings
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from . import models
from .refusal import CODES, PROBLEM_TYPE
from .schema import add_tool_schemas
from .security import COOKIE, OPEN_API

_EVENT = {"type": "object", "properties": {name: {"type": "string"} for name in ("id", "event", "data")}}
#: Answer of a stream of events.
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": _EVENT}}, "description": "Events."}
}
#: Where the answers of what makes something have its id.
_IDENTIFIERS = {
    "/v1/assets": "$response.body#/id",
    "/v1/jobs": "$response.body#/id",
    "/v1/chains": "$response.body#/jobs/0/id",
}
#: A file, and the files of a form.
BINARY = {"type": "string", "format": "binary"}
FORM_FILES = {"type": "array", "items": BINARY}
#: Types of files that are sent.
FILES = (*dict.fromkeys(models.MEDIA_TYPES.values()), "application/zip", "application/octet-stream")


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Failures of a route, besides those that every route has."""
    always = (400, 401, 403, 408, 422, 503)
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {one: {"content": content, "description": f"{_meaning(one)}."} for one in sorted({*always, *statuses})}


def _meaning(status: int) -> str:
    return "; ".join(title for own, title in CODES.values() if own == status)


def file_answer(*types: str) -> dict[int | str, dict[str, Any]]:
    """The answer of a route that sends a file of one of these types."""
    schema = {"schema": BINARY}
    return {200: {"content": dict.fromkeys(types, schema), "description": "The file."}}


def description(app: FastAPI) -> dict[str, Any]:
    """The API as OpenAPI, from which programs generate clients."""
    if app.openapi_schema is None:
        with warnings.catch_warnings():
            # HEAD has the operation of GET, and is not described.
            warnings.filterwarnings("ignore", "Duplicate Operation ID")
            found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = found["components"]["schemas"]
        for model in (models.Problem, models.Handling, models.NamedInput, models.ResultInput):
            schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        add_tool_schemas(found)
        found["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        # A service on this machine alone may have no token.
        found["security"] = [{"token": []}, {"cookie": []}, {}]
        for path, operations in found["paths"].items():
            operations.pop("head", None)
            if path in OPEN_API:
                for operation in operations.values():
                    operation["security"] = []
        _add_links(found["paths"])
        app.openapi_schema = found
    return app.openapi_schema


def _add_links(paths: dict[str, Any]) -> None:
    """Say which requests follow the one that makes an asset, a job or a chain, and where these take its id."""
    for start, identifier in _IDENTIFIERS.items():
        links = {
            follower["operationId"]: {
                "operationId": follower["operationId"],
                "parameters": {
                    one["name"]: identifier if one["name"] == "identifier" else 0
                    for one in follower.get("parameters", ())
                    if one["in"] == "path"
                },
            }
            for path, operations in paths.items()
            if path.startswith(f"{start}/{{identifier}}")
            for follower in operations.values()
        }
        for status in ("200", "201"):
            paths[start]["post"]["responses"][status]["links"] = links


def operation(route: APIRoute) -> str:
    """The name of a route's operation."""
    return route.name
