"""run_tests: the failing tests, or others, with the draft's changes."""

from __future__ import annotations

from tools.testing.run import run_tests as run_suite
from tools.tool import tool
from tools.toolbox.desk import Desk
from tools.values import TestRun, Value

SHOWN, CRASH = 12, 1500


class RunTests(Value):
    tests: tuple[str, ...] = ()


@tool(timeout_s=300, max_chars=6_000)
async def run_tests(desk: Desk, args: RunTests) -> str:
    """Run tests by id. None: the failing ones; all: the suite."""
    wanted = [test for test in args.tests if test.strip()][:200]
    given = desk.failing or (desk.drafted if desk.writes else ())
    tests = () if wanted == ["all"] else tuple(wanted) or given
    run, _ = await run_suite(
        await desk.sandbox(), desk.test, tests=tests, per_test_s=desk.test_s, quota=desk.quota.within(280)
    )
    return described(run)


def described(run: TestRun) -> str:
    """How many passed, and what is wrong with those that did not."""
    bad = run.failing
    lines = [f"{len(run.passing)} passed, {len(bad)} failed" + ("" if run.complete else "; the run was cut off")]
    if run.note:
        lines.append(run.note[:600])
    for result in bad[:SHOWN]:
        crash = result.crash
        what = (crash.text.strip() or f"{crash.kind}: {crash.message}")[-CRASH:] if crash else "no message"
        lines.append(f"--- {result.id}: {result.status}\n{what}")
    if len(bad) > SHOWN:
        lines.append("also failing: " + ", ".join(result.id for result in bad[SHOWN : SHOWN + 30]))
    if not run.results:
        lines.append(run.output[-1500:])
    return "\n".join(lines)
