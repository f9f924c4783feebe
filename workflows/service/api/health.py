"""Routes for those who operate the service: does it live, is it ready, what are its figures."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from workflows.loopback import is_loopback
from workflows.service.api.access import Needs, Shown, WithParts, who
from workflows.service.bodies import Alive

router = APIRouter(tags=["operation"])


@router.head("/livez", include_in_schema=False)
@router.get("/livez")
async def livez() -> Alive:
    """The process answers."""
    return Alive(status="alive")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
async def readyz(parts: WithParts) -> Alive:
    """The database answers too; 503 otherwise."""
    await parts.store.ready()
    return Alive(status="ready")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus text.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request, parts: WithParts, shown: Shown) -> Response:
    """Figures for Prometheus: from this machine itself, or with a token that has the scope admin."""
    if not _from_here(request):
        await Needs("admin")(await who(request, parts, shown), parts)
    return Response(parts.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _from_here(request: Request) -> bool:
    """Whether the client is on this machine, and no proxy that speaks for others."""
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip"} & set(request.headers)
    return not forwarded and request.client is not None and is_loopback(request.client.host)
