"""The same diagnosis in Docker sandboxes: same outcome, same patch, nothing left on the engine; and Node."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import git, repository, write
from tests.engines import docker_image, engine_holds

JS = {
    "package.json": '{"name": "cart", "version": "1.0.0", "scripts": {"test": "node --test"}}\n',
    "src/cart.js": (
        "function total(prices) {\n  let sum = 0;\n  for (let i = 0; i < prices.length - 1; i++) {\n"
        "    sum += prices[i];\n  }\n  return sum;\n}\nmodule.exports = { total };\n"
    ),
    "test/cart.test.js": (
        'const test = require("node:test");\nconst assert = require("node:assert");\n'
        'const { total } = require("../src/cart.js");\n'
        'test("empty cart costs nothing", () => { assert.strictEqual(total([]), 0); });\n'
        'test("all prices count", () => { assert.strictEqual(total([1, 2, 3]), 6); });\n'
    ),
}
FIX = """--- a/src/cart.js
+++ b/src/cart.js
@@ -1,6 +1,6 @@
 function total(prices) {
   let sum = 0;
-  for (let i = 0; i < prices.length - 1; i++) {
+  for (let i = 0; i < prices.length; i++) {
     sum += prices[i];
   }
   return sum;
"""


def test_diagnosis_in_docker_ends_as_in_bubblewrap(patchwright: Patchwright) -> None:
    repo = repository(patchwright.folder / "shop")
    contained = patchwright.diagnose(repo, "--sandbox", "docker", image=docker_image())
    assert contained.outcome == "verified_patch", contained.text
    assert engine_holds(*patchwright.runs()) == []
    plain = patchwright.diagnose(repo, "--sandbox", "bubblewrap")
    assert contained.report["patch"] == plain.report["patch"]
    assert contained.report["certificate"]


def test_node_repository_is_reproduced_and_a_given_patch_verified(patchwright: Patchwright) -> None:
    """In Docker, which auto is where an image is named."""
    repo = write(patchwright.folder / "cart", JS)
    git(repo, "init", "-q", ".")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "cart")
    patch = patchwright.folder / "fix.diff"
    patch.write_text(FIX)
    ended = patchwright.diagnose(repo, "--patch", patch, image=docker_image())
    assert ended.outcome == "verified_patch", ended.text
    assert '"docker"' in (ended.folder / "report.json").read_text()
    assert engine_holds(*patchwright.runs()) == []


def _started(patchwright: Patchwright) -> bool:
    folder = patchwright.home / "runs"
    return folder.is_dir() and any(engine_holds(run) for run in patchwright.runs())


def test_killed_run_leaves_nothing_after_the_next_one(patchwright: Patchwright) -> None:
    repo = repository(patchwright.folder / "shop")
    process = patchwright.start("diagnose", repo, "--sandbox", "docker", image=docker_image())
    deadline = time.monotonic() + 30
    while not _started(patchwright) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 2
    while engine_holds(*patchwright.runs()) and time.monotonic() < deadline:
        time.sleep(0.1)
    (run,) = patchwright.runs()
    resumed = patchwright.run("resume", run, image=docker_image())
    assert resumed.code == 0, resumed.text
    assert engine_holds(*patchwright.runs()) == []


def test_image_that_is_not_there_is_one_line(patchwright: Patchwright, tmp_path: Path) -> None:
    repo = repository(tmp_path / "shop")
    ended = patchwright.run("diagnose", repo, "--sandbox", "docker", image="127.0.0.1:9/no:1")
    assert ended.code == 69
    assert "127.0.0.1:9/no:1" in ended.err
