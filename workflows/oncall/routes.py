"""Routes about incidents: by hand, listed, looked at, their notes, what became of telling them, an opinion."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from tools.git import plain
from tools.oplogs.masking import mask
from tools.triage.alerts import Alert
from tools.triage.handing import lacking
from tools.triage.values import Cause
from workflows.oncall.postmortem import postmortem
from workflows.oncall.showing import KINDS, POLICY, note_of, shown
from workflows.oncall.store import PostgresIncidents
from workflows.oncall.values import Before, Handing, Handover, Incident, Message, State, Telling
from workflows.service.api.access import Reader, Submitter, WithParts
from workflows.service.api.problems import Problem, Unchanged, missing
from workflows.service.api.results import preferred
from workflows.service.values import Principal
from workflows.text import clean

Id = Annotated[str, InPath(max_length=64, pattern=r"^inc-[0-9a-f]+$", description="Id of an incident.")]


class Reported(BaseModel):
    """An incident that somebody reports. started: seconds since 1970; now if not said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1, max_length=300)
    service: str = Field(default="", max_length=100)
    severity: str = Field(default="", max_length=60)
    text: str = Field(default="", max_length=4000)
    started: int | None = Field(default=None, ge=0, le=1 << 40)


class Rating(BaseModel):
    """What somebody thinks of a note."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verdict: Literal["right", "wrong", "partly"]
    comment: str = Field(default="", max_length=4000)


class Shown(BaseModel):
    """What a channel shows of an incident. state: `unsure` where nobody can say whether the last step arrived.

    revision: the last one that it was told; problem: of the last try.
    """

    channel: str
    revision: int
    stage: str
    problem: str
    given_up: bool
    state: Telling


class IncidentView(BaseModel):
    """An incident as it is now. since, until: seconds since 1970; cause: "" before the first note."""

    id: str
    state: State
    stage: str
    revision: int
    title: str
    severity: str
    services: tuple[str, ...]
    titles: tuple[str, ...]
    since: int
    until: int
    messages: int
    alerts: int
    firing: int
    flaps: int
    storm: bool
    merged: str
    cause: Cause | Literal[""]
    confidence: float
    problem: str


class Patching(BaseModel):
    """A diagnosis that looks for a patch of the cause that the note names.

    state: `wanted` before it is queued, `refused` where none can begin; run: of /v1/diagnoses, "" before it is queued;
    outcome, headline: of its report; problem: why there is none.
    """

    state: Handing
    run: str
    outcome: str
    headline: str
    problem: str


class IncidentDetail(IncidentView):
    """With what is known beside it. before: earlier incidents with the same cause; patch: None: nobody looks."""

    before: tuple[Before, ...]
    patch: Patching | None
    channels: tuple[Shown, ...]


class IncidentList(BaseModel):
    """A part of a list. next: `before` of the next part, 0 at the end."""

    incidents: tuple[IncidentView, ...]
    next: int


def view(incident: Incident) -> IncidentView:
    """What is shown of one."""
    note = incident.note
    same = {name: getattr(incident, name) for name in IncidentView.model_fields if name not in ("cause", "confidence")}
    return IncidentView(**same, cause=note.cause if note else "", confidence=note.confidence if note else 0.0)


def _tag(incident: Incident, more: str = "") -> str:
    return f'"{incident.id}-{incident.revision}{more}"'


def routes(incidents: PostgresIncidents, tenant: str) -> APIRouter:  # noqa: C901, PLR0915 - one route after the other
    """The routes. tenant: whose the incidents are; for others there are none."""
    router = APIRouter(prefix="/v1/incidents", tags=["incidents"])

    async def found(asker: Principal, name: str) -> Incident:
        known = await incidents.incident(name) if asker.tenant == tenant else None
        if known is None:
            raise missing()
        return known

    @router.post("", status_code=202)
    async def report(
        wanted: Reported, response: Response, asker: Submitter, parts: WithParts,
        key: Annotated[
            str | None,
            Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[!-~]+$",
                   description="Sent again it names the same incident."),
        ] = None,
    ) -> IncidentView:  # fmt: skip
        """Report an incident by hand: it is looked into and told like one that alerts made."""
        if asker.tenant != tenant:
            raise Problem(403, "forbidden", "this service has no configuration of incidents for this tenant")
        alert = _by_hand(wanted, key)
        await incidents.take(Message(digest="", alerts=(alert,), manual=True))
        name = await incidents.of(alert.fingerprint)
        known = await incidents.incident(name)
        assert known is not None  # noqa: S101 - it was just kept
        await parts.store.audit(asker, "report", known.id)
        response.headers.update({"Location": f"/v1/incidents/{known.id}", "ETag": _tag(known)})
        return view(known)

    @router.get("")
    async def listed(
        asker: Reader,
        state: Annotated[State | None, Query(description="Only incidents in this one.")] = None,
        before: Annotated[int, Query(ge=0, le=1 << 60, description="`next` of the part before.")] = 0,
        limit: Annotated[int, Query(ge=1, le=200, description="Incidents in one part.")] = 50,
    ) -> IncidentList:
        """Incidents of the tenant, the newest first."""
        rows = (
            await incidents.incidents(state=state or "", before=before, limit=limit) if asker.tenant == tenant else ()
        )
        return IncidentList(incidents=tuple(map(view, rows)), next=rows[-1].seq if len(rows) == limit else 0)

    @router.get("/{incident}", responses={304: {"description": "As the client has it."}})
    async def one(
        incident: Id, response: Response, asker: Reader,
        have: Annotated[str | None, Header(alias="If-None-Match", max_length=200)] = None,
    ) -> IncidentDetail:  # fmt: skip
        """One incident, and what its channels show."""
        known = await found(asker, incident)
        told = await incidents.deliveries(known.id)
        tag = _tag(known, f"-{sum(each.told for each in told)}-{sum(each.attempts for each in told)}")
        if have == tag:
            raise Unchanged(tag)
        response.headers["ETag"] = tag
        channels = tuple(
            Shown(
                channel=each.channel, revision=each.told, stage=each.stage, problem=each.problem, given_up=each.dead,
                state=each.state,
            )
            for each in told
        )  # fmt: skip
        return IncidentDetail(
            **view(known).model_dump(), before=await incidents.before(known), channels=channels,
            patch=_patching(known.patching) if known.patching else None,
        )  # fmt: skip

    @router.get("/{incident}/note", response_class=Response, responses=_forms("The note, in the form of `Accept`."))
    async def note(
        incident: Id, request: Request, asker: Reader,
        accept: Annotated[str, Header(max_length=2000, description="JSON, Markdown, HTML or text.")] = "*/*",
    ) -> Response:  # fmt: skip
        """The note for the person on call, as of the last look."""
        known = await found(asker, incident)
        full = note_of(known)
        if full is None:
            detail = known.problem or "the incident has not been looked into yet"
            raise Problem(404, "no-result", detail, headers={"Retry-After": "5"})
        media = preferred(accept, tuple(KINDS))
        if media is None:
            raise Problem(406, "not-acceptable", f"a note is {', '.join(KINDS)}")
        tag = _tag(known, f"-{KINDS[media]}")
        if request.headers.get("if-none-match") == tag:
            raise Unchanged(tag)
        headers = {"Vary": "Accept", "ETag": tag} | ({"Content-Security-Policy": POLICY} if "html" in media else {})
        return Response(shown(full, media), media_type=media, headers=headers)

    @router.get("/{incident}/postmortem", response_class=Response, responses=_forms("A draft."))
    async def after(incident: Id, asker: Reader) -> Response:
        """A draft of the post-mortem, once the incident is resolved."""
        known = await found(asker, incident)
        full = note_of(known)
        if known.state != "resolved" or full is None:
            raise Problem(404, "no-result", "a post-mortem is drafted when the incident is resolved and looked into")
        text = postmortem(known, full, await incidents.before(known), await incidents.alerts(known.id, 20))
        return Response(text.encode("utf-8", "replace"), media_type="text/markdown")

    @router.post("/{incident}/resolve")
    async def resolve(incident: Id, asker: Submitter, parts: WithParts) -> IncidentView:
        """End an incident by hand, with its alerts; one that is over stays as it is."""
        await found(asker, incident)
        if await incidents.resolve(incident):
            await parts.store.audit(asker, "resolve", incident)
        return view(await found(asker, incident))

    @router.post("/{incident}/patch", status_code=202)
    async def patch(incident: Id, response: Response, asker: Submitter, parts: WithParts) -> Patching:
        """Have a diagnosis look for a verified patch of the cause that the note names.

        Said again it is the same one, until it ends without a verified patch: then it begins another.
        """
        known = await found(asker, incident)
        if known.state == "merged":
            raise Problem(409, "merged", f"it became part of {known.merged}: ask for a patch of that one")
        missed = lacking(known.note) if known.note else known.problem or "it has not been looked into yet"
        if missed:
            raise Problem(409, "no-cause-in-code", missed)
        if await incidents.want_patch(incident, asker.token):
            await parts.store.audit(asker, "patch", incident)
        now = (await found(asker, incident)).patching
        if now is None:
            raise Problem(409, "no-cause-in-code", "the note names another cause by now: ask again")
        response.headers["Location"] = f"/v1/diagnoses/{now.run}" if now.run else f"/v1/incidents/{incident}"
        return _patching(now)

    @router.post("/{incident}/feedback", status_code=204)
    async def feedback(incident: Id, rating: Rating, asker: Submitter, parts: WithParts) -> None:
        """Say what the note was worth; said again it replaces what was said before with this token."""
        await found(asker, incident)
        await incidents.rate(incident, asker.token, rating.verdict, rating.comment)
        await parts.store.audit(asker, "feedback", incident, rating.verdict)

    return router


def _forms(description: str) -> dict[int | str, dict[str, object]]:
    content = {media: {"schema": {"type": "object" if media.endswith("json") else "string"}} for media in KINDS}
    return {200: {"description": description, "content": content}}


def _patching(handover: Handover) -> Patching:
    return Patching(**{name: getattr(handover, name) for name in Patching.model_fields})


def _by_hand(wanted: Reported, key: str | None) -> Alert:
    """The alert that a report stands for."""
    name = hashlib.sha256(f"hand\n{key or secrets.token_hex(16)}".encode()).hexdigest()[:16]
    texts: dict[str, Any] = {
        field: plain(mask(clean(getattr(wanted, field))), 500) for field in ("title", "service", "severity", "text")
    }
    started = int(time.time()) if wanted.started is None else wanted.started
    return Alert(source="hand", fingerprint=name, status="firing", starts=started, **texts)
