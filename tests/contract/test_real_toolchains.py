"""Node, mocha, Go, cargo and ctest themselves: tiny projects detected, built and tested in the sandbox.

Each test needs its real tool; where one is missing the test fails and names the command that installs it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.environment import build, detect
from sandbox.protocol import Quota
from tests.trees import grow
from tools.testing.run import run_tests
from tools.values import Frame, TestRun

QUOTA = Quota(wall_s=240.0, memory_bytes=3 << 30, processes=400, disk_bytes=1 << 30)
PACKAGES = {
    "node": "nodejs", "mocha": "mocha", "go": "golang-go", "cargo": "cargo", "cmake": "cmake", "make": "make",
    "cc": "gcc libc6-dev",
}  # fmt: skip
Files = Mapping[str, str]


def need(*programs: str) -> None:
    """Fail with the command that installs what is missing."""
    missing = [PACKAGES[name] for name in programs if shutil.which(name) is None]
    assert not missing, f"install the real tools: apt-get install {' '.join(missing)} (deploy/test-parts.sh does it)"


async def run_in(
    files: Files, folder: Path, tests: Sequence[str] = (), per_test_s: float | None = None, env: Files | None = None
) -> TestRun:
    """The project as a diagnosis would take it: detected, built, tested."""
    base = grow(folder / "base", files)
    sandboxes = BubblewrapSandboxes()
    recipe = detect(base)
    environment = await build(recipe, base, sandboxes=sandboxes, cache=folder / "cache", quota=QUOTA)
    workspace, variables = environment.workspace(base), dict(environment.env)
    async with sandboxes.open(workspace, mounts=environment.mounts, env=variables, quota=QUOTA) as sandbox:
        run, _ = await run_tests(sandbox, recipe.test, tests=tests, per_test_s=per_test_s, quota=QUOTA, env=env)
    return run


def statuses(run: TestRun) -> dict[str, str]:
    return {result.id: result.status for result in run.results}


def innermost(run: TestRun, test: str) -> Frame:
    """The innermost frame of the workspace that a failed test tells of."""
    crash = next(result.crash for result in run.results if result.id == test)
    assert crash is not None, run.output
    inside = [frame for frame in crash.frames if frame.inside]
    assert inside, crash
    return inside[-1]


ADD = "exports.add = (a, b) => {\n  if (a === null) throw new TypeError('no number');\n  return a - b;\n};\n"
NODE: Files = {
    "package.json": '{"name": "calc", "version": "1.0.0", "scripts": {"test": "node --test"}}',
    "calc.js": ADD,
    "test/calc.test.js": (
        "const { test, describe, it } = require('node:test');\nconst assert = require('node:assert');\n"
        "const { add } = require('../calc.js');\n\n"
        "test('zero', () => assert.equal(add(0, 0), 0));\n"
        "test('two', () => {\n  assert.equal(add(1, 1), 2);\n});\n"
        "test('later', { skip: true }, () => {});\n"
        "describe('none', () => {\n  it('is refused', () => add(null, 1));\n  it('is nothing', () => {});\n});\n"
    ),
    "test/broken.test.js": "require('./no-such-file.js');\n",
}


async def test_node_tells_tests_suites_and_files_that_do_not_load(tmp_path: Path) -> None:
    need("node")
    run = await run_in(NODE, tmp_path)
    assert statuses(run) == {
        "test/broken.test.js": "error",
        "test/calc.test.js > zero": "passed",
        "test/calc.test.js > two": "failed",
        "test/calc.test.js > later": "skipped",
        "test/calc.test.js > none > is refused": "failed",
        "test/calc.test.js > none > is nothing": "passed",
    }, run.output
    assert innermost(run, "test/calc.test.js > none > is refused") == Frame(
        file="calc.js", line=2, function="exports.add"
    )


async def test_node_runs_the_chosen_test(tmp_path: Path) -> None:
    need("node")
    run = await run_in(NODE, tmp_path, tests=["test/calc.test.js > two"])
    assert statuses(run) == {"test/calc.test.js > two": "failed"}


MOCHA: Files = {
    "package.json": '{"name": "calc", "version": "1.0.0", "scripts": {"test": "mocha"}}',
    "calc.js": ADD,
    "test/calc.js": (
        "const assert = require('assert');\nconst { add } = require('../calc.js');\n\n"
        "describe('add', () => {\n  it('zero', () => assert.equal(add(0, 0), 0));\n"
        "  it('two', () => assert.equal(add(1, 1), 2));\n  it.skip('later', () => {});\n"
        "  it('is refused', () => add(null, 1));\n  it('never ends', (done) => {});\n});\n"
    ),
}
NODE_PATH = {"NODE_PATH": "/usr/share/nodejs"}  # where Debian has its modules, for any Node


async def test_mocha_tells_tests_and_those_that_do_not_end(tmp_path: Path) -> None:
    need("node", "mocha")
    run = await run_in(MOCHA, tmp_path, per_test_s=3, env=NODE_PATH)
    assert statuses(run) == {
        "test/calc.js > add zero": "passed",
        "test/calc.js > add two": "failed",
        "test/calc.js > add later": "skipped",
        "test/calc.js > add is refused": "failed",
        "test/calc.js > add never ends": "timeout",
    }, run.output
    assert innermost(run, "test/calc.js > add is refused").file == "calc.js"
    chosen = await run_in(MOCHA, tmp_path / "chosen", tests=["test/calc.js > add two"], env=NODE_PATH)
    assert statuses(chosen) == {"test/calc.js > add two": "failed"}


GO: Files = {
    "go.mod": "module example.org/calc\n\ngo 1.19\n",
    "calc.go": "package calc\n\nfunc Add(a, b int) int {\n\treturn a - b\n}\n",
    "calc_test.go": (
        'package calc\n\nimport "testing"\n\n'
        "func TestZero(t *testing.T) {\n\tif Add(0, 0) != 0 {\n\t\tt.Fatal()\n\t}\n}\n\n"
        "func TestAdd(t *testing.T) {\n"
        '\tt.Run("two", func(t *testing.T) {\n\t\tif got := Add(1, 1); got != 2 {\n'
        '\t\t\tt.Fatalf("got %d", got)\n\t\t}\n\t})\n'
        '\tt.Run("one", func(t *testing.T) {\n\t\tif Add(1, 0) != 1 {\n\t\t\tt.Fatal()\n\t\t}\n\t})\n}\n\n'
        'func TestLater(t *testing.T) {\n\tt.Skip("later")\n}\n'
    ),
    "broken/broken.go": "package broken\n\nfunc F() int {\n\treturn missing\n}\n",
    "broken/broken_test.go": 'package broken\n\nimport "testing"\n\nfunc TestF(t *testing.T) { F() }\n',
    "loud/loud.go": "package loud\n\nfunc Loud(a []int) int {\n\treturn a[3]\n}\n",
    "loud/loud_test.go": (
        'package loud\n\nimport "testing"\n\nfunc TestQuiet(t *testing.T) {}\n\n'
        "func TestLoud(t *testing.T) {\n\tLoud(nil)\n}\n"
    ),
}


async def test_go_tells_subtests_panics_and_packages_that_do_not_build(tmp_path: Path) -> None:
    need("go")
    run = await run_in(GO, tmp_path)
    package = "example.org/calc"
    assert statuses(run) == {
        f"{package}/TestZero": "passed",
        f"{package}/TestAdd/two": "failed",
        f"{package}/TestAdd/one": "passed",
        f"{package}/TestLater": "skipped",
        f"{package}/broken": "error",
        f"{package}/loud/TestQuiet": "passed",
        f"{package}/loud/TestLoud": "failed",
    }, run.output
    assert innermost(run, f"{package}/TestAdd/two") == Frame(file="calc_test.go", line=14)
    loud = innermost(run, f"{package}/loud/TestLoud")
    assert (loud.file, loud.line) == ("loud/loud.go", 4)
    assert innermost(run, f"{package}/broken").file == "broken/broken.go"
    chosen = await run_in(GO, tmp_path / "chosen", tests=[f"{package}/TestAdd/two"])
    assert statuses(chosen) == {f"{package}/TestAdd/two": "failed"}


CARGO: Files = {
    "Cargo.toml": '[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n',
    "Cargo.lock": 'version = 3\n\n[[package]]\nname = "calc"\nversion = "0.1.0"\n',
    "src/lib.rs": (
        'pub fn add(a: i32, b: i32) -> i32 {\n    if a < 0 {\n        panic!("negative");\n    }\n    a - b\n}\n\n'
        "#[cfg(test)]\nmod tests {\n    use super::*;\n\n"
        "    #[test]\n    fn zero() {\n        assert_eq!(add(0, 0), 0);\n    }\n\n"
        "    #[test]\n    fn two() {\n        assert_eq!(add(1, 1), 2);\n    }\n\n"
        "    #[test]\n    #[ignore]\n    fn later() {}\n}\n"
    ),
    "tests/whole.rs": (
        "#[test]\nfn negative() {\n    calc::add(-1, 1);\n}\n\n#[test]\nfn quiet() {}\n\n"
        "#[test]\nfn aborts() {\n    std::process::abort();\n}\n"
    ),
}


async def test_cargo_tells_unit_and_integration_tests_panics_and_aborts(tmp_path: Path) -> None:
    need("cargo", "cc")
    run = await run_in(CARGO, tmp_path)
    found = statuses(run)
    assert found.pop("whole::aborts") == "crashed", run.output
    unit = {name: status for name, status in found.items() if name.startswith("tests::")}
    assert unit == {"tests::zero": "passed", "tests::two": "failed", "tests::later": "skipped"}, run.output
    two = innermost(run, "tests::two")
    assert (two.file, two.line) == ("src/lib.rs", 19)


async def test_cargo_runs_the_chosen_test(tmp_path: Path) -> None:
    need("cargo", "cc")
    run = await run_in(CARGO, tmp_path, tests=["whole::negative"])
    assert statuses(run) == {"whole::negative": "failed"}, run.output
    assert innermost(run, "whole::negative").file == "src/lib.rs"


CMAKE: Files = {
    "CMakeLists.txt": (
        "cmake_minimum_required(VERSION 3.20)\nproject(calc C)\nenable_testing()\nadd_executable(check check.c)\n"
        "foreach(name zero two dies sleeps)\n  add_test(NAME ${name} COMMAND check ${name})\nendforeach()\n"
    ),
    "check.c": (
        "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n\n"
        "static int add(int a, int b) { return a - b; }\n\n"
        "int main(int argc, char **argv) {\n  (void)argc;\n"
        '  if (!strcmp(argv[1], "dies")) abort();\n  if (!strcmp(argv[1], "sleeps")) sleep(600);\n'
        '  if (!strcmp(argv[1], "zero")) return add(0, 0) != 0;\n'
        '  if (add(1, 1) != 2) {\n    fprintf(stderr, "check.c:14: got %d\\n", add(1, 1));\n    return 1;\n  }\n'
        "  return 0;\n}\n"
    ),
}


async def test_ctest_tells_failures_deaths_and_timeouts(tmp_path: Path) -> None:
    need("cmake", "cc", "make")
    run = await run_in(CMAKE, tmp_path, per_test_s=3)
    found = statuses(run)
    assert {name: found[name] for name in ("zero", "two")} == {"zero": "passed", "two": "failed"}, run.output
    assert found["sleeps"] == "timeout", run.output
    assert found["dies"] == "crashed", run.output
    assert innermost(run, "two").line == 14
    chosen = await run_in(CMAKE, tmp_path / "chosen", tests=["zero"])
    assert statuses(chosen) == {"zero": "passed"}


async def test_a_change_of_a_compiled_source_is_seen_by_the_next_run(tmp_path: Path) -> None:
    """What the build compiled is warm, not stale."""
    need("go", "cmake", "cc", "make", "cargo")
    for name, files, old, new, test in (
        ("go", GO, "return a - b", "return a + b", "example.org/calc/TestAdd/two"),
        ("cargo", CARGO, "a - b", "a + b", "tests::two"),
        ("cmake", CMAKE, "return a - b", "return a + b", "two"),
    ):
        run = await changed(files, tmp_path / name, (old, new), test)
        assert run.status_of(test) == "passed", run.output


async def changed(files: Files, folder: Path, replacement: tuple[str, str], test: str) -> TestRun:
    """A run of one test with a source changed inside the sandbox, as a candidate patch changes it."""
    base = grow(folder / "base", files)
    sandboxes = BubblewrapSandboxes()
    recipe = detect(base)
    environment = await build(recipe, base, sandboxes=sandboxes, cache=folder / "cache", quota=QUOTA)
    workspace, variables = environment.workspace(base), dict(environment.env)
    source = next(name for name, text in files.items() if replacement[0] in text and not name.endswith("_test.go"))
    async with sandboxes.open(workspace, mounts=environment.mounts, env=variables, quota=QUOTA) as sandbox:
        before, _ = await run_tests(sandbox, recipe.test, tests=[test], quota=QUOTA)
        assert before.status_of(test) == "failed", before.output
        await sandbox.write_file(f"{sandbox.workspace}/{source}", files[source].replace(*replacement).encode())
        run, _ = await run_tests(sandbox, recipe.test, tests=[test], quota=QUOTA)
    return run
