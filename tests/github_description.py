"""GitHub's own description of its interface (npm, by deploy/test-parts.sh): what may be asked, and example answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema_rs import Draft7Validator

FILE = Path(__file__).parents[1] / ".cache/npm/openapi/api.github.com.json"
MULTI = {"{path}", "{ref}", "{basehead}"}  # parameters that hold slashes


@dataclass(frozen=True)
class Asked:
    """A request as it arrived at a server. target: path and query."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Operation:
    """An operation of the description, and the values in the path."""

    method: str
    path: str
    told: dict[str, Any]
    values: dict[str, str]


@cache
def description() -> dict[str, Any]:
    """The whole of it."""
    found: dict[str, Any] = json.loads(FILE.read_bytes())
    return found


def resolved(value: Any) -> Any:
    """With all references followed, and "nullable" in the words of JSON Schema."""
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        at: Any = description()
        for part in value["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        return resolved(at)
    made = {key: resolved(item) for key, item in value.items()}
    if made.pop("nullable", False) is True:
        return {"anyOf": [{"type": "null"}, made]}
    return made


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    def pattern(path: str) -> re.Pattern[str]:
        parts = re.split(r"(\{[^}]+\})", path)
        return re.compile("".join(_group(part) if part[:1] == "{" else re.escape(part) for part in parts))

    # What has fewer parameters is more exact.
    paths = sorted(description()["paths"], key=lambda path: (path.count("{"), -len(path)))
    return [(pattern(path), path) for path in paths]


def _group(name: str) -> str:
    return f"(?P<{name[1:-1].replace('-', '_')}>{'.+' if name in MULTI else '[^/]+'})"


def operation(asked: Asked) -> Operation:
    """The operation that a request calls. Raises AssertionError when GitHub knows none such."""
    path = urlsplit(asked.target).path
    for pattern, template in _patterns():
        told = description()["paths"][template].get(asked.method.lower())
        if told and (match := pattern.fullmatch(path)):
            return Operation(asked.method, template, told, {k: unquote(v) for k, v in match.groupdict().items()})
    raise AssertionError(f"GitHub knows no {asked.method} {path}")


def violations(asked: Asked) -> list[str]:
    """What GitHub's description says against a request: parameters, body, headers."""
    found = operation(asked)
    parameters = [resolved(one) for one in found.told.get("parameters", [])]
    query = dict(
        parse_qsl(urlsplit(asked.target).query, keep_blank_values=True, strict_parsing=bool(asked_query(asked)))
    )
    known = {one["name"]: one for one in parameters if one["in"] == "query"}
    wrong = [f"no parameter {name}" for name in query if name not in known]
    wrong += [f"{name} is missing" for name, one in known.items() if one.get("required") and name not in query]
    for name, value in {**{n: v for n, v in query.items() if n in known}}.items():
        wrong += _against(known[name]["schema"], _typed(value, known[name]["schema"]), name)
    for one in parameters:
        if one["in"] == "path":
            value = found.values[one["name"].replace("-", "_")]
            wrong += _against(one["schema"], _typed(value, one["schema"]), one["name"])
    return wrong + _body(found, asked)


def asked_query(asked: Asked) -> str:
    """The query of a request."""
    return urlsplit(asked.target).query


def _body(found: Operation, asked: Asked) -> list[str]:
    told = resolved(found.told.get("requestBody", {}))
    if not asked.body:
        return ["the body is missing"] if told.get("required") else []
    schema = told.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return ["a body that is not described"]
    data = json.loads(asked.body)
    unknown = set(data) - set(schema.get("properties", data)) if isinstance(data, dict) else set()
    return [f"no field {name}" for name in sorted(unknown)] + _against(schema, data, "body")


def _against(schema: dict[str, Any], value: Any, name: str) -> list[str]:
    plain = {key: item for key, item in schema.items() if key not in ("example", "examples")}
    return [f"{name}: {error.message[:200]}" for error in Draft7Validator(plain).iter_errors(value)]


def _typed(value: str, schema: dict[str, Any]) -> Any:
    numeric = schema.get("type") == "integer" or any(
        one.get("type") == "integer" for one in schema.get("oneOf", []) + schema.get("anyOf", [])
    )
    return int(value) if numeric and value.lstrip("-").isdigit() else value


def example(found: Operation) -> tuple[int, Any]:
    """(status, body) of the first success that the description gives an example of, None where it gives none."""
    for status, told in found.told["responses"].items():
        if not status.startswith("2"):
            continue
        for kind, content in shallow(told).get("content", {}).items():
            for one in content.get("examples", {}).values():
                if "json" in kind:
                    return int(status), shallow(one).get("value")
        return int(status), None
    return 302, None


def shallow(value: dict[str, Any]) -> dict[str, Any]:
    """With the first reference followed, and no other."""
    at: Any = value
    while "$ref" in at:
        path = at["$ref"].removeprefix("#/").split("/")
        at = description()
        for part in path:
            at = at[part]
    found: dict[str, Any] = at
    return found
