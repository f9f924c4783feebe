"""The real command with a model behind real HTTP: it mends what search cannot, and replays with nobody there."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import SECRET, Patchwright
from tests.acceptance.repositories import repository
from tests.fakes.model_server import MODEL, Answer, ModelServer, call, cut, refused, said

pytestmark = pytest.mark.xdist_group("reasoner")
WRONG = '''\
"""Spans of time, as pairs of hours."""


def merged(spans):
    """The spans in order, with those that overlap or touch made one."""
    result = []
    for start, end in sorted(spans):
        result.append((start, end))
    return result


def total(spans):
    """Hours covered."""
    return sum(end - start for start, end in merged(spans))
'''
TESTS = """\
from spans import merged, total


def test_apart():
    assert merged([(8, 9), (1, 2)]) == [(1, 2), (8, 9)]


def test_overlapping():
    assert merged([(1, 4), (2, 5), (5, 6), (8, 9)]) == [(1, 6), (8, 9)]
    assert merged([(1, 9), (2, 3)]) == [(1, 9)]


def test_total():
    assert total([(1, 2), (4, 6)]) == 3
"""
OLD = "        result.append((start, end))\n"
NEW = """\
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
"""
LOST = '<tool_call>\n{"name": "search", "arguments": {"pattern": "merged"}}\n</tool_call>'
ANSWER = "SUMMARY: spans that overlap or touch are merged\nCAUSE: they were only sorted [none]"
BEFORE = (call("read", "The code first.", path="spans.py"), said(thinking=f"Who uses it? {LOST}"))
AFTER = (
    refused(503),
    call("edit", "Now the mend.", path="spans.py", old=OLD, new=NEW),
    cut(3),
    call("run_tests", "Does it hold?", tests=[]),
    said(ANSWER, thinking="It holds."),
    lambda request: said(explained(request)),
)


def explained(request: Mapping[str, Any]) -> str:
    """An explanation that cites what it was shown, and a sentence that does not."""
    seen = re.search(r"^(test-run-[0-9a-f]{6}):", str(request["messages"][1]["content"]), re.MULTILINE)
    assert seen
    return f"CAUSE: Overlapping spans stayed apart [{seen[1]}].\nFIX: Trust me.\nRISK: None."


def slowly(inside: threading.Event) -> Callable[[Mapping[str, object]], Answer]:
    """An answer that takes twenty seconds; the event tells that it has begun."""

    def slow(_: Mapping[str, object]) -> Answer:
        inside.set()
        return Answer([{"reasoning": f"thought {number}. "} for number in range(400)], pause_s=0.05)

    return slow


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "spans", {"spans.py": WRONG, "tests/test_spans.py": TESTS, "conftest.py": ""})


def options(server: ModelServer, key: str) -> tuple[list[str], dict[str, Any]]:
    limits = {"model_samples": 1, "candidates": 20, "repeats": 2}
    return ["--model-url", server.url, "--model", MODEL], {"model_key": key, **limits}


def test_bug_that_search_cannot_mend_is_mended_by_the_model_and_proven(patchwright: Patchwright, repo: Path) -> None:
    """A rewrite of several lines, over a server with faults: killed in mid-thought, resumed, then replayed alone."""
    inside = threading.Event()
    with ModelServer(*BEFORE, slowly(inside), *AFTER, key=SECRET) as server:
        arguments, settings = options(server, SECRET)
        process = patchwright.start("diagnose", repo, *arguments, **settings)
        assert inside.wait(120)
        process.kill()
        process.communicate()
        (run,) = patchwright.runs()
        out = patchwright.folder / "out"
        ended = patchwright.run("resume", run, "--out", out, **settings)
        asked = [request["messages"] for request in server.requests]
    assert ended.code == 0, ended.text
    assert [len(messages) for messages in asked[:4]] == [2, 4, 6, 6], "a finished turn was asked again"
    results = [message["content"] for message in asked[-2] if message["role"] == "tool"]
    assert "def merged(spans):" in results[0]
    assert "tests/test_spans.py" in results[1]
    assert results[3].startswith("1 passed, 0 failed")
    report = json.loads((out / "report.json").read_text())
    assert report["outcome"] == "verified_patch"
    assert report["patch_description"] == "spans that overlap or touch are merged"
    assert report["certificate"]
    assert [row["text"] for row in report["explanation"]["cause"]] == ["Overlapping spans stayed apart"]
    assert report["explanation"]["fix"] == []
    assert "Overlapping spans stayed apart" in (out / "report.html").read_text()
    replayed_and_shown(patchwright, run)


def replayed_and_shown(patchwright: Patchwright, run: str) -> None:
    again = patchwright.run("replay", run)
    assert again.code == 0, again.text
    assert "the same report: verified_patch" in again.text
    shown = patchwright.run("transcript", run)
    for part in ("Who uses it?", "a call was salvaged from the thinking", "edit(path=spans.py", "tokens"):
        assert part in shown.out


ISSUE = """\
Overlapping spans are counted twice.

`merged([(1, 4), (2, 5)])` gives `[(1, 4), (2, 5)]`, but it should be `[(1, 5)]`. Please fix!
"""
REPORTED = """\
from spans import merged


def test_overlapping_spans_are_one():
    assert merged([(1, 4), (2, 5)]) == [(1, 5)]
"""
PASSING = TESTS.replace("test_overlapping", "notest_overlapping")
WRITES = (
    call("read", "What is there?", path="spans.py"),
    call(
        "edit", "I guess.", path="tests/test_reported.py", old="", new=REPORTED.replace("[(1, 5)]", "[(1, 4), (2, 5)]")
    ),
    said("QUOTE: `merged([(1, 4), (2, 5)])` gives `[(1, 4), (2, 5)]`"),
    call("edit", "It passes.", path="tests/test_reported.py", old="== [(1, 4), (2, 5)]", new="== [(1, 5)]"),
    call("run_tests", "So?", tests=[]),
    said("QUOTE: `merged([(1, 4), (2, 5)])` gives `[(1, 4), (2, 5)]`, but it should be `[(1, 5)]`"),
)
MENDS = (call("edit", path="spans.py", old=OLD, new=NEW), said(ANSWER), lambda request: said(explained(request)))


def test_issue_that_no_test_shows_gets_a_test_and_a_patch(patchwright: Patchwright, tmp_path: Path) -> None:
    """The suite is green; the model's test is kept when it fails as reported, and is part of the certificate.

    Killed once the test is kept, and resumed: it is still there.
    """
    repo = repository(tmp_path / "spans", {"spans.py": WRONG, "tests/test_spans.py": PASSING, "conftest.py": ""})
    issue = tmp_path / "issue.md"
    issue.write_text(ISSUE)
    inside, out = threading.Event(), patchwright.folder / "out"
    with ModelServer(*WRITES, slowly(inside), *MENDS) as server:
        arguments, settings = options(server, "")
        process = patchwright.start("diagnose", repo, "--issue", issue, *arguments, **settings)
        assert inside.wait(120)
        process.kill()
        process.communicate()
        (run,) = patchwright.runs()
        ended = replace(patchwright.run("resume", run, "--out", out, **settings), folder=out)
        asked = [request["messages"] for request in server.requests]
    assert ended.outcome == "verified_patch", ended.text
    assert [len(messages) for messages in asked[6:]] == [2, 2, 4, 2], "a finished turn was asked again"
    assert "tests/test_reported.py passes on the code as it is" in asked[3][-1]["content"]
    assert "0 passed, 1 failed" in asked[5][-1]["content"]
    report = ended.report
    test = "tests/test_reported.py::test_overlapping_spans_are_one"
    assert [(h["id"], h["outcomes"]) for h in report["failing_tests"]] == [(test, ["failed", "failed"])]
    assert report["written_test"]["text"] == REPORTED
    assert "tests/test_reported.py" not in report["patch"]
    assert report["verdict"]["regression_set"] == 2
    checked = patchwright.run("verify", ended.folder / "certificate.json", "--repo", repo)
    assert checked.code == 0, checked.text
    assert "was written by the model qwq-32b" in checked.text
    assert not (repo / "tests/test_reported.py").exists()
    again = patchwright.run("replay", run)
    assert (again.code, "the same report: verified_patch" in again.text) == (0, True), again.text


def test_issue_that_the_model_cannot_show_stays_not_reproduced(patchwright: Patchwright, tmp_path: Path) -> None:
    """It says why; nothing is made up."""
    repo = repository(tmp_path / "spans", {"spans.py": WRONG, "tests/test_spans.py": PASSING, "conftest.py": ""})
    issue = tmp_path / "issue.md"
    issue.write_text(ISSUE)
    broken = REPORTED.replace("from spans", "from span")
    gives_up = said("QUOTE: Overlapping spans are counted twice.")
    with ModelServer(call("edit", path="tests/test_reported.py", old="", new=broken), *[gives_up] * 3) as server:
        arguments, settings = options(server, "")
        ended = patchwright.diagnose(repo, "--issue", issue, *arguments, **settings)
    assert (ended.code, ended.outcome) == (4, "not_reproduced")
    assert "does not get as far as testing: ModuleNotFoundError" in ended.report["reason"]


def test_wrong_key_changes_nothing_but_the_evidence(patchwright: Patchwright, repo: Path) -> None:
    """The diagnosis ends as without a model, and says why; neither key is shown."""
    with ModelServer(key="another") as server:
        arguments, settings = options(server, "wrong-key")
        report = patchwright.diagnose(repo, *arguments, **settings).report
    assert report["outcome"] == "diagnosed"
    assert "KeyRefused" in json.dumps(report["evidence"])
    assert "wrong-key" not in json.dumps(report)
