"""A verified patch about which there are doubts: the report and the certificate tell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.artifacts import Artifacts
from agent.certificate import read
from agent.domain import Limits, Report, Request
from tests.fakes.bench import FakeBench, mended_by
from tests.scenarios.test_machine import plausible, run
from tools.values import Crash, Frame

PARSE, HALF = "def parse(text):\n    return int(text)\n", "def half(row):\n    return parse(row) // 2\n"
CODE = f"{PARSE}\n\n{HALF}\n\ndef size(row):\n    return parse(row)\n"
FIX = """\
--- a/box.py
+++ b/box.py
@@ -9,2 +9,5 @@
 def size(row):
-    return parse(row)
+    try:
+        return parse(row)
+    except ValueError:
+        return 0
"""
FRAMES = (Frame(file="test_box.py", line=3), Frame(file="box.py", line=10), Frame(file="box.py", line=2))
SAID = "parse raises the ValueError that it catches, and another place calls it without catching"


async def given(tmp_path: Path, code: str, *doubts: str) -> tuple[Report, dict[str, object]]:
    """The report about the patch, proposed with doubts, and the certificate's predicate."""
    artifacts, test = Artifacts(tmp_path / "artifacts"), "test_box.py::test_size"
    outcome = plausible(FIX)
    outcome = outcome.model_copy(update={"plausible": (outcome.plausible[0].model_copy(update={"doubts": doubts}),)})
    bench = FakeBench(
        artifacts, {test: mended_by("except ValueError")}, [outcome], texts={"box.py": code},
        crashes={test: Crash(kind="ValueError", message="invalid literal", frames=FRAMES)},
    )  # fmt: skip
    report = await run(bench, artifacts, tmp_path, Request(source="box", limits=Limits(repeats=2)))
    assert report.verdict
    assert report.verdict.certificate
    return report, read(artifacts.text(report.verdict.certificate))["predicate"]


async def test_doubts_are_told_beside_the_proof(tmp_path: Path) -> None:
    """What search observed and what the patch's text shows."""
    report, predicate = await given(tmp_path, CODE, "only inputs of the failing tests take the new way")
    assert report.outcome == "verified_patch"
    assert report.verdict
    wanted = ("only inputs of the failing tests take the new way", SAID)
    assert report.verdict.doubts == wanted
    assert predicate["doubts"] == [*wanted]
    assert [step for step in report.next_steps if step.startswith("doubt: ")] == [f"doubt: {w}" for w in wanted]


async def test_nothing_is_told_without_a_reason(tmp_path: Path) -> None:
    """No other caller."""
    report, predicate = await given(tmp_path, CODE.replace("parse(row) // 2", "row // 2"))
    assert predicate["doubts"] == []
    assert not any("doubt" in step for step in report.next_steps)


GONE = """\
--- a/box.py
+++ b/box.py
@@ -1,3 +1,2 @@
 def size(items):
-    check(items)
     return len(items)
"""
MOVED = GONE.replace("@@ -1,3 +1,2 @@", "@@ -1,3 +1,3 @@") + "+    check(items)\n"


@pytest.mark.parametrize(("diff", "doubted"), [(GONE, True), (MOVED, False)])
async def test_what_only_removes_code_is_doubted(tmp_path: Path, diff: str, doubted: bool) -> None:
    """Tests that pass without a line do not say that nobody needs it."""
    artifacts = Artifacts(tmp_path / "artifacts")
    texts = {"box.py": "def size(items):\n    check(items)\n    return len(items)\n"}
    bench = FakeBench(artifacts, {"test_box.py::test_size": mended_by("-    check")}, [plausible(diff)], texts=texts)
    report = await run(bench, artifacts, tmp_path, Request(source="box", limits=Limits(repeats=2)))
    assert report.verdict
    wanted = ("it only removes 1 line, and what it was for may be untested",)
    assert report.verdict.doubts == (wanted if doubted else ())


async def test_a_move_does_not_shrink_to_a_removal(tmp_path: Path) -> None:
    """The test passes as soon as the line is gone from its old place; that it is needed at its new one, none says."""
    artifacts = Artifacts(tmp_path / "artifacts")
    texts = {"box.py": "a = 1\nemit(rows)\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\n"}
    diff = (
        "--- a/box.py\n+++ b/box.py\n@@ -1,7 +1,7 @@\n a = 1\n-emit(rows)\n b = 2\n c = 3\n d = 4\n e = 5\n f = 6\n"
        "+emit(rows)\n"
    )
    tests = {"test_box.py::test_size": mended_by("-emit(rows)")}
    report = await run(FakeBench(artifacts, tests, [plausible(diff)], texts=texts), artifacts, tmp_path)
    assert report.patch
    assert "+emit(rows)" in report.patch
    assert any("would only remove code" in seen.summary for seen in report.evidence)
    assert report.verdict
    assert report.verdict.doubts == ()
