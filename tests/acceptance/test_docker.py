"""The same diagnosis in Docker sandboxes: same outcome, same patch, nothing left on the engine; Node and Go."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import SHOP, repository
from tests.acceptance.test_resume import SLOW, until_inside
from tests.engines import docker_image, engine_holds, own_engine
from tests.waiting import until

JS = {
    "package.json": '{"name": "cart", "version": "1.0.0", "scripts": {"test": "node --test"}}\n',
    "src/cart.js": (
        "function total(lines) {\n  let sum = 0;\n  for (let i = 0; i <= lines.length; i++) {\n"
        "    sum += lines[i].price;\n  }\n  return sum;\n}\nmodule.exports = { total };\n"
    ),
    "test/cart.test.js": (
        'const test = require("node:test");\nconst assert = require("node:assert");\n'
        'const { total } = require("../src/cart.js");\n'
        'test("a cart is an array", () => { assert.ok(Array.isArray([])); });\n'
        'test("all prices count", () => { assert.strictEqual(total([{ price: 1 }, { price: 2 }]), 3); });\n'
    ),
}
JS_FIX = """--- a/src/cart.js
+++ b/src/cart.js
@@ -1,6 +1,6 @@
 function total(lines) {
   let sum = 0;
-  for (let i = 0; i <= lines.length; i++) {
+  for (let i = 0; i < lines.length; i++) {
     sum += lines[i].price;
   }
   return sum;
"""
GO = {
    "go.mod": "module example.org/cart\n\ngo 1.18\n",
    "cart.go": (
        "package cart\n\n// Total is the sum of all prices.\nfunc Total(prices []int) int {\n\tsum := 0\n"
        "\tfor i := 0; i <= len(prices); i++ {\n\t\tsum += prices[i]\n\t}\n\treturn sum\n}\n\n"
        "// Empty tells whether nothing is in it.\nfunc Empty(prices []int) bool {\n\treturn len(prices) == 0\n}\n"
    ),
    "cart_test.go": (
        'package cart\n\nimport "testing"\n\nfunc TestEmpty(t *testing.T) {\n\tif !Empty(nil) {\n'
        '\t\tt.Fatal("nothing is something")\n\t}\n}\n\nfunc TestTotal(t *testing.T) {\n'
        '\tif got := Total([]int{1, 2}); got != 3 {\n\t\tt.Fatalf("got %d", got)\n\t}\n}\n'
    ),
}
GO_FIX = """--- a/cart.go
+++ b/cart.go
@@ -4,5 +4,5 @@
 func Total(prices []int) int {
 \tsum := 0
-\tfor i := 0; i <= len(prices); i++ {
+\tfor i := 0; i < len(prices); i++ {
 \t\tsum += prices[i]
 \t}
"""


def test_diagnosis_in_docker_ends_as_in_bubblewrap(patchwright: Patchwright) -> None:
    repo = repository(patchwright.folder / "shop")
    contained = patchwright.diagnose(repo, "--sandbox", "docker", image=docker_image())
    assert contained.outcome == "verified_patch", contained.text
    assert engine_holds(*patchwright.runs()) == []
    plain = patchwright.diagnose(repo, "--sandbox", "bubblewrap")
    assert contained.report["patch"] == plain.report["patch"]
    assert contained.report["certificate"]


@pytest.mark.parametrize(
    ("files", "fix", "place"), [(JS, JS_FIX, ("src/cart.js", 4)), (GO, GO_FIX, ("cart.go", 7))], ids=["node", "go"]
)
def test_other_languages_are_reproduced_localized_and_a_given_patch_verified(
    patchwright: Patchwright, files: dict[str, str], fix: str, place: tuple[str, int]
) -> None:
    """By the frames of the failure, in Docker, which auto is where an image is named; the certificate holds again."""
    repo = repository(patchwright.folder / "cart", files)
    patch = patchwright.folder / "fix.diff"
    patch.write_text(fix)
    image = docker_image(go=files is GO)
    ended = patchwright.diagnose(repo, "--patch", patch, image=image, test_seconds=60)
    assert ended.outcome == "verified_patch", ended.text
    first = ended.report["suspects"][0]
    assert (first["file"], first["line"]) == place
    assert '"docker"' in (ended.folder / "certificate.json").read_text()
    again = patchwright.run("verify", ended.folder / "certificate.json", image=image, test_seconds=60)
    assert again.code == 0, again.text
    assert engine_holds(*patchwright.runs()) == []


def _started(patchwright: Patchwright) -> bool:
    folder = patchwright.home / "runs"
    return folder.is_dir() and any(engine_holds(run) for run in patchwright.runs())


def test_killed_run_leaves_nothing_after_the_next_one(patchwright: Patchwright) -> None:
    repo = repository(patchwright.folder / "shop")
    process = patchwright.start("diagnose", repo, "--sandbox", "docker", image=docker_image())
    until(lambda: process.poll() is not None or _started(patchwright))
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (run,) = patchwright.runs()
    resumed = patchwright.run("resume", run, image=docker_image())
    assert resumed.code == 0, resumed.text
    assert engine_holds(*patchwright.runs()) == []


def test_engine_restarted_in_mid_run_is_said_and_the_run_goes_on(patchwright: Patchwright) -> None:
    """Its containers die with it: the run ends with what to do, and resumed it ends as if nothing had been."""
    repo, image = repository(patchwright.folder / "shop", {**SHOP, "tests/test_slow.py": SLOW}), docker_image()
    built = patchwright.diagnose(repo, "--sandbox", "docker", image=image)
    assert built.outcome == "verified_patch", built.text
    with own_engine() as engine:
        there = ("env", f"DOCKER_HOST={engine.address}")
        began = time.monotonic()
        process = patchwright.start("diagnose", repo, "--sandbox", "docker", wrap=there, image=image)
        until_inside(process, "localize")
        engine.stop()
        engine.start()
        run = max(patchwright.runs())
        assert patchwright.end(process, began, patchwright.folder, 150).code == 69
        resumed = patchwright.run("resume", run, wrap=there, image=image)
        assert resumed.code == 0, resumed.text
        assert engine.holds() == []


def test_image_that_is_not_there_is_one_line(patchwright: Patchwright, tmp_path: Path) -> None:
    repo = repository(tmp_path / "shop")
    ended = patchwright.run("diagnose", repo, "--sandbox", "docker", image="127.0.0.1:9/no:1")
    assert ended.code == 69
    assert "go on later with: patchwright resume " in ended.err
    assert "127.0.0.1:9/no:1" in ended.err
