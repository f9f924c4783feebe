"""The API against bodies, headers and calls that nobody should send: never a server error, always a problem."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fakes.report import verified
from tests.service import URL, Site, site
from workflows.report.render import write_report
from workflows.service import api
from workflows.service.api.openapi import text
from workflows.service.bodies import Wanted
from workflows.service.values import SCOPES

FIELDS = sorted(Wanted.model_fields)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.sampled_from(
        [URL, "\x00", "../..", "file:///etc", "\u202e", "-x", "none", "1e999", 2**70, -(2**70), ""]
    )
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([*FIELDS, "wall_s", "repeats"]) | st.text(max_size=8)
BODIES = st.dictionaries(NAMES, VALUES, max_size=8) | VALUES
HEADERS = st.dictionaries(
    st.sampled_from(["Idempotency-Key", "X-Request-ID", "Accept", "Last-Event-ID", "If-None-Match", "Content-Type"]),
    st.binary(max_size=30).map(lambda data: data.translate(None, b"\r\n\x00")),
    max_size=4,
)


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as home:
        yield site(Path(home), waiting=10**9)


def _text(body: Any) -> bytes:
    return json.dumps(body).encode("utf-8", "surrogatepass")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES)
async def test_any_json_is_taken_or_refused(body: Any, place: Site) -> None:
    async with place.client() as http:
        answer = await http.post("/v1/diagnoses", content=_text(body), headers={"Content-Type": "application/json"})
    assert answer.status_code in {202, 422}, answer.text
    if answer.status_code == 422:
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # starlette leaves cut off parts to gc
@settings(max_examples=200, deadline=None)
@given(
    data=st.binary(max_size=200),
    media=st.sampled_from(["application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain"]),
    prefix=st.sampled_from(
        [b"", b"--x\r\n", b'--x\r\nContent-Disposition: form-data; name="archive"; filename="a"\r\n\r\n']
    ),
)
async def test_any_bytes_are_taken_or_refused(data: bytes, media: str, prefix: bytes, place: Site) -> None:
    async with place.client() as http:
        answer = await http.post("/v1/diagnoses", content=prefix + data, headers={"Content-Type": media})
    assert answer.status_code < 500, answer.text


@settings(max_examples=200, deadline=None)
@given(headers=HEADERS, path=st.sampled_from(["", "/x1", "/x1/report", "/x1/events", "/x1/patch", "?limit=1"]))
async def test_any_headers_are_taken_or_refused(headers: dict[str, bytes], path: str, place: Site) -> None:
    sent = [(name.encode(), value) for name, value in headers.items()]
    async with place.client() as http:
        answer = await http.get(f"/v1/diagnoses{path}", headers=sent)
    assert answer.status_code < 500, answer.text


@settings(max_examples=100, deadline=None)
@given(
    query=st.dictionaries(st.sampled_from(["state", "outcome", "cursor", "limit"]), st.text(max_size=20), max_size=4)
)
async def test_any_query_is_taken_or_refused(query: dict[str, str], place: Site) -> None:
    async with place.client() as http:
        answer = await http.get("/v1/diagnoses", params=query)
    assert answer.status_code < 500, answer.text


@pytest.fixture(scope="module")
def document(place: Site) -> BaseSchema:
    load_all_checks()
    return schemathesis.openapi.from_asgi("/openapi.json", place.app)


DOCUMENT = json.loads((Path(api.__file__).parent / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def bearer(place: Site) -> dict[str, str]:
    return {"Authorization": f"Bearer {asyncio.run(place.token('red', *SCOPES))}"}


@pytest.fixture(scope="module")
def finished(place: Site) -> str:
    """A run with a report."""
    run = asyncio.run(place.submitted())
    write_report(verified(), verified().patch, place.folder / run)
    place.store.add(run, "finished")
    return run


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_answers_as_its_document_says(
    path: str, method: str, document: BaseSchema, bearer: dict[str, str], finished: str
) -> None:
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method].as_strategy(), known=st.booleans())
    def answers(case: schemathesis.Case[Any], known: bool) -> None:
        if known and "run" in case.path_parameters:
            case.path_parameters["run"] = finished
        case.call_and_validate(headers=bearer, checks=CHECKS)

    answers()


def test_the_checked_in_document_is_that_of_the_application(place: Site) -> None:
    """`patchwright openapi > workflows/service/api/openapi.json` brings it up to date."""
    assert json.loads(text(place.app)) == DOCUMENT
