"""GitHub's own description of its answers and deliveries (npm, by deploy/test-parts.sh): what one breaks of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft7Validator, Draft202012Validator

from tests.github_description import Asked, description, operation, shallow

WEBHOOKS = Path(__file__).parents[1] / ".cache/npm/openapi-webhooks/api.github.com.json"
_SCHEMAS = "#/components/schemas/"


@cache
def webhooks() -> dict[str, Any]:
    """The description of deliveries."""
    found: dict[str, Any] = json.loads(WEBHOOKS.read_bytes())
    return found


def answered(asked: Asked, status: int, body: bytes, *, kind: str = "application/json") -> list[str]:
    """What the description says against an answer to a request."""
    found = operation(asked)
    told = found.told["responses"].get(str(status))
    if told is None:
        return [f"{asked.method} {found.path}: no answer {status}"]
    content = shallow(told).get("content", {})
    if kind not in content or "schema" not in content[kind]:
        return []
    check = _validator(found.path, asked.method, status)
    return [f"{asked.method} {found.path}: {one}" for one in _wrong(check, json.loads(body))]


def delivered(event: str, payload: dict[str, Any]) -> list[str]:
    """What the description says against a payload."""
    name = "-".join(filter(None, (event, payload.get("action", "")))).replace("_", "-")
    if name not in webhooks()["webhooks"]:
        return [f"{name}: no such delivery"]
    return [f"{name}: {one}" for one in _wrong(_payload(name), payload)]


def _wrong(check: Any, value: Any) -> list[str]:
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message[-200:]}" for error in check.iter_errors(value)]


@cache
def _validator(path: str, method: str, status: int) -> Any:
    told = shallow(description()["paths"][path][method.lower()]["responses"][str(status)])
    schema = _nullable(told["content"]["application/json"]["schema"])
    return Draft7Validator(_rooted(schema, description(), plain=False), validate_formats=True)


@cache
def _payload(name: str) -> Any:
    told = webhooks()["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return Draft202012Validator(_rooted(told, webhooks(), plain=True), validate_formats=True)


def _rooted(schema: Any, document: dict[str, Any], *, plain: bool) -> dict[str, Any]:
    """A schema with all that it refers to. plain: it is JSON Schema already."""
    held: dict[str, Any] = {}
    waiting = list(_references(schema))
    while waiting:
        name = waiting.pop()
        if name not in held:
            known = document["components"]["schemas"][name]
            held[name] = known if plain else _nullable(known)
            waiting += _references(known)
    return {"allOf": [schema], "components": {"schemas": held}}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.startswith(_SCHEMAS):
            yield reference.removeprefix(_SCHEMAS)
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _nullable(value: Any) -> Any:
    """OpenAPI's "nullable" in the words of JSON Schema; examples are left out."""
    if isinstance(value, list):
        return [_nullable(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _nullable(item) for key, item in value.items() if key not in ("example", "examples")}
    if [one.get("title") for one in made.get("allOf", ())] == ["Simple User", "Enterprise"]:
        made["anyOf"] = made.pop("allOf")  # its one mistake: elsewhere it says that an account is either of them
    if made.pop("nullable", False) is True:
        return {"anyOf": [{"type": "null"}, made]}
    return made
