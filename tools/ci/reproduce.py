"""What of a CI log can be run again: ids of its failing tests, their crashes, and the line that says most."""

from __future__ import annotations

from tools.ci.read import read_text
from tools.logs import failures_in
from tools.values import Crash, Value


class Logged(Value):
    """tests: ids, in the log's order; crashes: what the log shows of them; summary: its first real error."""

    tests: tuple[str, ...] = ()
    crashes: tuple[Crash, ...] = ()
    summary: str = ""


def logged(log: str) -> Logged:
    """What a log of any CI system, or of a tool alone, tells. Where a step failed, only that step's output counts."""
    job = read_text(log)
    found = failures_in(job.output or log)
    named = tuple(failure.test for failure in found if failure.test)
    finding = job.finding
    tests = finding.tests if finding and finding.kind == "test" and finding.tests else named
    said = finding.error if finding and finding.kind not in ("unknown", "test") else ""
    return Logged(
        tests=tuple(dict.fromkeys(tests)),
        crashes=tuple(failure.crash for failure in found if failure.crash),
        summary=said or (found[0].summary if found else finding.error if finding else ""),
    )
