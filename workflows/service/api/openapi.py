"""The OpenAPI document: what FastAPI finds, with problems as the answer to everything that goes wrong."""

from __future__ import annotations

import json
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from agent.domain import Report
from workflows.service.api.problems import MEDIA
from workflows.service.bodies import ProblemBody, Wanted
from workflows.service.values import Event

TITLE, VERSION = "Patchwright", "1"
_ABOUT = (
    "Submit a failure with its repository; get a verified patch, a diagnosis with evidence, or what is missing. "
    "Errors are problem details (RFC 9457)."
)
_NOT_JSON = {"HTTPValidationError", "ValidationError"}


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application, made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=TITLE, version=VERSION, description=_ABOUT, routes=app.routes)
        schemas = made["components"]["schemas"]
        for name in _NOT_JSON & schemas.keys():
            del schemas[name]
        schemas.update(_schemas(Wanted, "validation"))
        for model in (ProblemBody, Event, Report):
            schemas.update(_schemas(model, "serialization"))
        for operations in made["paths"].values():
            for operation in operations.values():
                _with_problems(operation["responses"])
        app.openapi_schema = made
    return app.openapi_schema


def text(app: FastAPI) -> str:
    """The document as it is published and checked in."""
    return json.dumps(document(app), indent=2, sort_keys=True) + "\n"


def _schemas(model: type[BaseModel], mode: Literal["validation", "serialization"]) -> dict[str, Any]:
    schema = model.model_json_schema(mode=mode, ref_template="#/components/schemas/{model}")
    inner: dict[str, Any] = schema.pop("$defs", {})
    return {**inner, model.__name__: schema}


def _with_problems(responses: dict[str, Any]) -> None:
    responses.pop("422", None)
    problem = {"content": {MEDIA: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}}
    responses["4XX"] = {"description": "What is wrong with the request.", **problem}
    responses["5XX"] = {"description": "What is wrong with the service.", **problem}
