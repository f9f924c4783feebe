"""Routes to what came of a run: report, patch, certificate, evidence, transcript."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi import Path as InPath

from agent.artifacts import ArtifactMissing, Unsealed
from agent.domain import Report
from workflows.report.render import TEMPLATES
from workflows.service.api.access import Parts, Reader, WithParts
from workflows.service.api.problems import Problem
from workflows.service.api.runs import RunId, found
from workflows.service.bodies import EvidenceView
from workflows.service.files import Kept, Place
from workflows.service.values import Principal
from workflows.text import clean
from workflows.transcript import told

router = APIRouter(prefix="/v1/diagnoses", tags=["results"])
MOST_TEXT = 1 << 20
KINDS = {"application/json": "report.json", "text/markdown": "report.md", "text/html": "report.html"}
FORMS = {media: {"schema": {"type": "string"}} for media in KINDS} | {
    "application/json": {"schema": {"$ref": "#/components/schemas/Report"}}
}


def _file(media: str, description: str) -> dict[int | str, dict[str, object]]:
    """What the OpenAPI document says of a route that answers with one file."""
    kind = "object" if media == "application/json" else "string"
    return {200: {"description": description, "content": {media: {"schema": {"type": kind}}}}}


@router.get(
    "/{run}/report",
    response_class=Response,
    responses={200: {"description": "The report, in the form that `Accept` prefers.", "content": FORMS}},
)
async def report(
    run: RunId,
    asker: Reader,
    parts: WithParts,
    accept: Annotated[str, Header(max_length=2000, description="JSON, Markdown or HTML.")] = "*/*",
) -> Response:
    """The report of a finished run."""
    media = preferred(accept, tuple(KINDS))
    if media is None:
        raise Problem(406, "not-acceptable", f"a report is {', '.join(KINDS)}")
    data = await _bytes(parts, asker, run, KINDS[media])
    headers = {"Vary": "Accept"} | ({"Content-Security-Policy": _policy()} if media == "text/html" else {})
    return Response(data, media_type=media, headers=headers)


@router.get("/{run}/patch", response_class=Response, responses=_file("text/x-diff", "The verified patch."))
async def patch(run: RunId, asker: Reader, parts: WithParts) -> Response:
    """The patch, byte for byte as its certificate names it; 404 when none was verified."""
    data = await _bytes(parts, asker, run, "patch.diff")
    return Response(data, headers={"Content-Type": "text/x-diff", **_attached(run, "diff")})


@router.get("/{run}/certificate", response_class=Response, responses=_file("application/json", "An in-toto Statement."))
async def certificate(run: RunId, asker: Reader, parts: WithParts) -> Response:
    """The certificate of the patch, in the form in which it was issued."""
    data = await _bytes(parts, asker, run, "certificate.json")
    return Response(data, media_type="application/json", headers=_attached(run, "certificate.json"))


@router.get("/{run}/evidence/{evidence}")
async def evidence(
    run: RunId,
    evidence: Annotated[str, InPath(max_length=200, description="Id of a piece of evidence in the report.")],
    asker: Reader,
    parts: WithParts,
) -> EvidenceView:
    """One piece of evidence that the report cites, with its full text."""
    place = await _place(parts, asker, run)
    with _readable():
        return await _evidence(parts.kept, place, evidence)


@router.get("/{run}/transcript", response_class=Response, responses=_file("text/plain", "Turn by turn."))
async def thoughts(run: RunId, asker: Reader, parts: WithParts) -> Response:
    """What a model thought, called and said; empty when none took part."""
    place = await _place(parts, asker, run)
    with _readable():
        text = told(await parts.kept.rows(place))
    return Response(text.encode("utf-8", "backslashreplace"), media_type="text/plain; charset=utf-8")


def preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    """The offered media type with the highest quality; of equals the first offered; None when none will do."""
    wanted: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        wanted[name] = next((_quality(p[2:]) for p in parameters if p.startswith("q=")), 1.0)

    def of(media: str) -> float:
        names = (media, f"{media.partition('/')[0]}/*", "*/*")
        return next((wanted[name] for name in names if name in wanted), 0.0)

    best = max(offered, key=of)
    return best if of(best) > 0 else None


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def _policy() -> str:
    """What report.html may do: be looked at, with its own style."""
    digest = base64.b64encode(hashlib.sha256((TEMPLATES / "report.css").read_bytes()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; sandbox"
    )


def _attached(run: str, ending: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{run}.{ending}"'}


async def _place(parts: Parts, asker: Principal, run: str) -> Place:
    """Where the files of one of the asker's runs are."""
    known = await found(parts, asker, run)
    return Place(known.tenant, known.id)


async def _bytes(parts: Parts, asker: Principal, run: str, name: str) -> bytes:
    known = await found(parts, asker, run)
    if known.state != "finished":
        raise _absent(
            "the run is not finished" if not known.ended else f"the run ended without a report: {known.state}"
        )
    with _readable():
        return await parts.kept.read(Place(known.tenant, known.id), name)


@contextmanager
def _readable() -> Iterator[None]:
    """Raises Problem: 404 where nothing is, 500 where something is that cannot be decrypted."""
    try:
        yield
    except FileNotFoundError:
        raise _absent("the run has none") from None
    except Unsealed:
        raise Problem(500, "unreadable", "it cannot be decrypted: it was changed, or its key is not here") from None


def _absent(detail: str) -> Problem:
    return Problem(404, "no-result", detail)


async def _evidence(kept: Kept, place: Place, wanted: str) -> EvidenceView:
    report = Report.model_validate_json(await kept.read(place, "report.json"))
    one = next((piece for piece in report.evidence if piece.id == wanted), None)
    if one is None:
        raise _absent("the report cites no such evidence")
    if one.artifact is None:
        return EvidenceView(evidence=one)
    try:
        data = await kept.artifact(place, one.artifact)
    except (ArtifactMissing, FileNotFoundError):
        return EvidenceView(evidence=one)
    text = clean(data.decode("utf-8", "surrogateescape"))
    return EvidenceView(evidence=one, text=text[:MOST_TEXT], shortened=len(text) > MOST_TEXT)
