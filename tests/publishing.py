"""Cases and what there is to say of them, for the tests of the publisher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fakes.report import FIX, TESTS, verified, without_patch
from tests.github import NAME, PLACE, commit, pull
from workflows.github.configuration import BotConfiguration
from workflows.github.ledger import Result
from workflows.github.publish.matter import Links, Matter
from workflows.github.values import Case, ChangedFile, Decision, Job, Published, case_key

HEAD = commit(100)
RUN = "20261124-081500-0123456789abcdef0123456789abcdef"
LINKS = Links("https://github.com", "https://patchwright.example")
PATH = "src/duesbook/subscriptions.py"
# The file at the head: the lines that the patch speaks of, at their place.
LINES = [row[1:] for row in FIX.split("\n")[4:-1] if row[:1] in (" ", "-")]
TEXT = "".join(f"# {at}\n" for at in range(1, 51)) + "".join(f"{row}\n" for row in LINES)
FIXED = Result(report=verified(), diff=FIX)
DIFF = (ChangedFile(path=PATH, status="modified", patch="@@ -40,30 +40,30 @@ class Subscription:\n x\n"),)


def job(number: int = 9, name: str = "test (3.12)") -> Job:
    """A failed job."""
    url = f"https://github.com/{NAME}/actions/runs/500/job/{number}"
    return Job(id=number, run=500, name=name, conclusion="failure", url=url, step="Test")


def case(signature: str = "a" * 16, *, subject: int = 1, head: str = HEAD, **more: Any) -> Case:
    """A failure of the pull request's head that has just been seen."""
    told: dict[str, Any] = {
        "kind": "diagnose", "signature": signature, "jobs": (job(),), "reason": "the failure is searched for its cause",
        "tests": TESTS, "error": "AssertionError: assert [1000, 15000] == [1000, 10000]",
        "job": 9, "step": 4, "line": 31,
    }  # fmt: skip
    decision = Decision(**{**told, **more.pop("decision", {})})
    fields: dict[str, Any] = {
        "head_ref": "topic-1", "base_ref": "main", "base_sha": commit(1), "run": 500, "decision": decision,
        "run_url": f"https://github.com/{NAME}/actions/runs/500",
    }  # fmt: skip
    key = case_key(PLACE, subject, head, signature)
    return Case(key=key, place=PLACE, subject=subject, head_sha=head, **{**fields, **more})


def settled(outcome: str = "verified_patch", **more: Any) -> Case:
    """One whose diagnosis has ended."""
    return case(state="settled", diagnosis=RUN, outcome=outcome, **more)


def result(outcome: str = "diagnosed") -> Result:
    """What a diagnosis without a patch left."""
    return Result(report=without_patch(outcome))


def matter(*cases: Case, results: Mapping[str, Result] | None = None, **more: Any) -> Matter:
    """All that is known of the pull request."""
    fields: dict[str, Any] = {
        "head": pull().head_sha, "published": Published(), "wanted": BotConfiguration(), "links": LINKS,
    }  # fmt: skip
    known = {RUN: FIXED} if results is None else results
    return Matter(place=PLACE, subject=1, cases=cases, results=known, **{**fields, **more})
