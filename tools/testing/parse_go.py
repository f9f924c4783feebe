"""`go test -json` as results: tests and subtests, panics, timeouts, packages that do not build."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tools.testing.bounded import TEXT, clean, clean_id, clip
from tools.testing.frames import crash_in
from tools.testing.paths import Paths
from tools.values import Crash, Frame, Status, TestResult

MAX_LINES = 2_000_000
MAX_TESTS = 200_000
MAX_OUTPUT = 200_000  # characters kept per test or package
_STATUS: dict[str, Status] = {"pass": "passed", "fail": "failed", "skip": "skipped"}
_UNBUILT = re.compile(r"^FAIL\s+(\S{1,1000}) \[(?:build|setup) failed\]\s*$")
_PLACE = re.compile(r"^\s+([\w.-]{1,200}\.go):(\d{1,9}): (.*)$")


@dataclass(slots=True)
class _Output:
    """What one test or package printed, and how it ended ("" while it runs)."""

    text: list[str] = field(default_factory=list)
    kept: int = 0
    status: Status | None = None
    elapsed: float = 0.0
    tests: int = 0

    def add(self, part: str) -> None:
        if self.kept < MAX_OUTPUT:
            self.text.append(part)
            self.kept += len(part)


def parse_go(text: str, paths: Paths | None = None, *, module: str = "") -> tuple[TestResult, ...]:
    """Results with ids `import/path/TestName/subtest`.

    module: the module's path (from go.mod), to find a package's directory; without it only the last part is used.
    A test that was running when its package ended is a timeout (`panic: test timed out`) or an error (it died).
    A package that failed without a failing test (it does not build, or TestMain ended it) is one error result.
    """
    where = paths or Paths()
    tests, packages = _collect(text)
    results = [_test(name, output, packages, where, module=module) for name, output in tests.items()]
    leaves = _without_parents(results)
    failed = {package for (package, _), output in tests.items() if output.status in ("failed", None)}
    for package, output in packages.items():
        if output.status == "failed" and package not in failed:
            leaves.append(_package(package, output, where))
    return tuple(leaves)


def _collect(text: str) -> tuple[dict[tuple[str, str], _Output], dict[str, _Output]]:
    tests: dict[tuple[str, str], _Output] = {}
    packages: dict[str, _Output] = {}
    for event in _events(text):
        action, name = event.get("Action"), event.get("Test")
        package = str(event.get("Package") or event.get("ImportPath") or "").split(" ")[0][:1_000]
        if name and len(tests) < MAX_TESTS:
            output = tests.setdefault((package, str(name)[:2_000]), _Output())
        else:
            output = packages.setdefault(package, _Output())
        if action in ("output", "build-output"):
            output.add(str(event.get("Output", "")))
        elif action in _STATUS:
            output.status = _STATUS[str(action)]
            elapsed = event.get("Elapsed", 0)
            output.elapsed = float(elapsed) if isinstance(elapsed, int | float) and 0 <= elapsed < 1e9 else 0.0
    return tests, packages


def _events(text: str) -> Iterator[dict[str, Any]]:
    """The JSON lines. Others (a compiler's, older toolchains) belong to the package named in their `# package` line."""
    package = ""
    for number, line in enumerate(text.split("\n")):
        if number > MAX_LINES:
            return
        if line.startswith("{"):
            try:
                event = json.loads(line[:1_000_000])
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                yield event
        elif line.startswith("# "):
            package = line[2:].split(" ")[0]
        elif failed := _UNBUILT.match(line):
            yield {"Action": "output", "Package": failed[1], "Output": line + "\n"}
            yield {"Action": "fail", "Package": failed[1]}
        elif package and line.strip():
            yield {"Action": "output", "Package": package, "Output": line + "\n"}


def _without_parents(results: list[TestResult]) -> list[TestResult]:
    """A test with subtests only sums them up, unless it failed and none of them did."""
    bad_parents = {r.id.rpartition("/")[0] for r in results if r.bad}
    parents = {r.id.rpartition("/")[0] for r in results}
    return [r for r in results if r.id not in parents or (r.bad and r.id not in bad_parents)]


def _test(
    key: tuple[str, str], output: _Output, packages: dict[str, _Output], paths: Paths, *, module: str
) -> TestResult:
    package, name = key
    text = "".join(output.text)
    status: Status = output.status or "crashed"
    around = "".join(packages[package].text) if package in packages else ""
    if output.status is None or "panic: " in text:
        text = text if "panic: " in text else text + around
        status = "timeout" if "panic: test timed out" in text else "crashed" if output.status is None else "failed"
    crash = _crash(text, paths, package, module) if status in ("failed", "crashed", "timeout") else None
    if crash is not None and status == "timeout":
        crash = crash.model_copy(update={"kind": "Timeout"})
    return TestResult(
        id=clean_id(f"{package}/{name}"),
        status=status,
        duration_s=output.elapsed,
        crash=crash,
        file=crash.frames[-1].file if crash and crash.frames and crash.frames[-1].file.endswith("_test.go") else "",
    )


def _package(package: str, output: _Output, paths: Paths) -> TestResult:
    text = "".join(output.text)
    found = crash_in(text, paths)
    message = next((line for line in text.split("\n") if re.match(r"^\S+\.go:\d+:\d+: ", line)), "") or (
        found.message if found else text.strip()[:500]
    )
    crash = Crash(
        kind="BuildFailed" if "build failed" in text or "setup failed" in text else "ExitCode",
        message=clean(message, 4_000),
        frames=found.frames if found else (),
        text=clean(text, TEXT),
    )
    return TestResult(id=clean_id(package) or "go", status="error", duration_s=output.elapsed, crash=crash)


def _crash(text: str, paths: Paths, package: str, module: str) -> Crash:
    """Go names only the file in `file_test.go:12: message`: the package's directory is put before it."""
    lines = [line for line in text.split("\n") if not re.match(r"^\s*(?:=== |--- |FAIL\b|exit status)", line)]
    body = "\n".join(lines)
    found = crash_in(body, paths) if "panic: " in body else None
    if found is not None:
        return found
    frames, messages = [], []
    for line in lines:
        match = _PLACE.match(line)
        if match:
            file, inside = paths.place(f"{_directory(package, module)}{match[1]}")
            frames.append(Frame(file=file, line=int(match[2]), inside=inside))
        messages.append(match[3] if match else line.strip())
    said = "\n".join(message for message in messages if message)
    return Crash(message=clean(clip(said, 4_000), 4_000), frames=tuple(frames[-200:]), text=clean(text, TEXT))


def _directory(package: str, module: str) -> str:
    if module and (package == module or package.startswith(module + "/")):
        return package[len(module) + 1 :] + "/" if package != module else ""
    return ""
