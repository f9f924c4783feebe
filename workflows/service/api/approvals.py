"""Routes about what runs ask of people: look, decide, tell more."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath

from agent.asking import More
from workflows.service.api.access import Approver, Reader, Submitter, WithParts
from workflows.service.api.intake import check_options
from workflows.service.api.problems import Problem, invalid, missing
from workflows.service.api.runs import RunId, found
from workflows.service.bodies import ApprovalList, Decision, Message, Wanted
from workflows.service.ports import NotWaiting
from workflows.service.values import Approval
from workflows.settings import split

router = APIRouter(prefix="/v1/diagnoses", tags=["approvals"])
ApprovalId = Annotated[str, InPath(max_length=20, pattern=r"^[a-z0-9]+$", description="Id of something it asked.")]


@router.get("/{run}/approvals")
async def approvals(run: RunId, asker: Reader, parts: WithParts) -> ApprovalList:
    """What a run asked, and what was answered."""
    known = await found(parts, asker, run)
    return ApprovalList(approvals=await parts.store.approvals(known.tenant, known.id))


@router.post("/{run}/approvals/{approval}")
async def decide(
    run: RunId, approval: ApprovalId, decision: Decision, asker: Approver, parts: WithParts
) -> Approval:  # fmt: skip
    """Approve or deny what a run asked: it goes on. The same decision again changes nothing, another one is a 409."""
    try:
        settled = await parts.store.decide(asker, run, approval, decision.decision, decision.note)
    except NotWaiting as error:
        raise Problem(409, "not-waiting", str(error)) from None
    if settled is None:
        raise missing()
    return settled


@router.post("/{run}/messages")
async def tell(run: RunId, message: Message, asker: Submitter, parts: WithParts) -> Approval:
    """Give a run the information that it asked for: it tries again with it. Of a run that waits for none: 409."""
    more = More.model_validate(message.model_dump())
    if more.empty:
        raise invalid("", "the message says nothing: give a text, a log, tests, commands or a revision")
    check_options(Wanted(install=message.install), split(parts.settings.permit))
    try:
        settled = await parts.store.tell(asker, run, more)
    except NotWaiting as error:
        raise Problem(409, "not-waiting", str(error)) from None
    if settled is None:
        raise missing()
    return settled
