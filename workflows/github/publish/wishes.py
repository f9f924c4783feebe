"""What people wished for and only the publisher can do: run jobs again, put a verified fix on a branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tools.patches import PatchInvalid, touched
from workflows.github.configuration import BotConfiguration
from workflows.github.forge import Absent, Forbidden, Forge, Refused
from workflows.github.ledger import Ledger, Result
from workflows.github.publish.fixes import Unfit, fix_of, plain
from workflows.github.publish.standing import standing
from workflows.github.values import Case, Place
from workflows.report.markdown import prose

MOST_FILES = 20


@dataclass(frozen=True)
class Desk:
    """Where wishes are granted: the repository, what its owners allow, and who does it.

    head: the newest commit of the pull request, "" for a branch.
    """

    forge: Forge
    ledger: Ledger
    place: Place
    wanted: BotConfiguration
    head: str = ""


async def granted(desk: Desk, cases: tuple[Case, ...], results: Mapping[str, Result]) -> tuple[Case, ...]:
    """The cases with their wishes granted, or refused in a note. Raises ForgeAway: they stay, to be tried again."""
    done = []
    for case in cases:
        update: dict[str, str] | None = None
        if case.wish == "rerun":
            update = await _rerun(desk, case)
        elif case.wish == "apply":
            update = await _apply(desk, case, results.get(case.diagnosis))
        done.append(await _changed(desk.ledger, case, update) if update is not None else case)
    return tuple(done)


async def _changed(ledger: Ledger, case: Case, update: dict[str, str]) -> Case:
    """Into the case as it is by now, unless somebody wishes for something else."""
    now = await ledger.case(case.key) or case
    if now.wish != case.wish:
        return now
    new = now.model_copy(update={**update, "wish": ""})
    await ledger.change(new)
    return new


async def _rerun(desk: Desk, case: Case) -> dict[str, str]:
    try:
        await desk.forge.rerun(desk.place, case.run)
    except (Absent, Forbidden, Refused) as error:
        return {"note": f"the jobs could not be run again: {error}"[:400]}
    return {}


async def _apply(desk: Desk, case: Case, result: Result | None) -> dict[str, str]:
    """The branch, and where the owners want it a pull request into the branch that failed."""
    why = _unfit(desk, case, result)
    if why or result is None:
        return {"note": f"the fix was not applied: {why}"}
    try:
        fix = fix_of(case, result, await _files(desk, case, result), desk.wanted)
        await desk.forge.branch(desk.place, fix)
        if desk.wanted.fix_pull_request and case.head_ref:
            title, body = _words(case, result)
            await desk.forge.open_pull(desk.place, title=title, body=body, head=fix.branch, base=case.head_ref)
    except Unfit as error:
        return {"note": f"the fix was not applied: {error}"[:400]}
    except (Absent, Forbidden, Refused) as error:
        return {"note": f"the fix could not be applied: {error}"[:400]}
    return {"fix_branch": fix.branch, "note": ""}


def _unfit(desk: Desk, case: Case, result: Result | None) -> str:
    """Why there is nothing to apply; "" where there is."""
    rules = (
        (standing(case, result).word != "fix", "there is no verified fix"),
        (not desk.wanted.fix_branch, "the owners did not switch branches with fixes on (fix_branch)"),
        (case.fork, "commits of a fork are not brought into this repository"),
        (bool(desk.head) and desk.head != case.head_sha, "newer commits were pushed"),
    )
    return next((why for hit, why in rules if hit), "")


async def _files(desk: Desk, case: Case, result: Result) -> dict[str, bytes | None]:
    """The files of the patch at the head. Raises Unfit, ForgeError."""
    try:
        paths = touched(result.diff or "")
    except PatchInvalid:
        raise Unfit("the patch leaves the repository") from None
    if len(paths) > MOST_FILES:
        raise Unfit(f"it touches more than {MOST_FILES} files")
    return {path: await desk.forge.file(desk.place, path, case.head_sha) for path in paths}


def _words(case: Case, result: Result) -> tuple[str, str]:
    title = f"Fix: {plain(result.report.patch_description or 'the failing tests', 80)}"
    verdict = result.report.verdict
    about = f"For #{case.subject}, asked for by {prose(case.by[:60])}." if case.subject else ""
    proof = f"Verified: {prose(verdict.reason[:400])}. Patch sha256 {verdict.patch[:64]}." if verdict else ""
    return title, f"{about}\n\n{proof}\n"
