"""What the reports of each framework tell, on small realistic samples and on damaged ones."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tools.testing.frames import crash_in, frames_in
from tools.testing.parse_cargo import parse_cargo
from tools.testing.parse_ctest import parse_ctest
from tools.testing.parse_go import parse_go
from tools.testing.parse_javascript import parse_jest, parse_mocha
from tools.testing.parse_junit import XmlRefused, parse_junit
from tools.testing.parse_node import parse_node
from tools.testing.parse_probe import parse_probe, parse_spectrum
from tools.testing.parse_tap import parse_tap
from tools.values import TestResult


def statuses(results: tuple[TestResult, ...]) -> dict[str, str]:
    return {result.id: result.status for result in results}


def test_go_tells_subtests_and_packages_that_do_not_build() -> None:
    events = [
        {"Action": "run", "Package": "m/p", "Test": "TestA"},
        {"Action": "output", "Package": "m/p", "Test": "TestA/x", "Output": "    p_test.go:7: got 3\n"},
        {"Action": "fail", "Package": "m/p", "Test": "TestA/x", "Elapsed": 0.5},
        {"Action": "fail", "Package": "m/p", "Test": "TestA", "Elapsed": 0.5},
        {"Action": "pass", "Package": "m/p", "Test": "TestB", "Elapsed": 0},
        {"Action": "fail", "Package": "m/p", "Elapsed": 0.5},
        {"Action": "output", "Package": "m/q", "Output": "q.go:3:5: undefined: x\nFAIL m/q [build failed]\n"},
        {"Action": "fail", "Package": "m/q"},
    ]
    found = parse_go("\n".join(map(json.dumps, events)), module="m")
    assert statuses(found) == {"m/p/TestA/x": "failed", "m/p/TestB": "passed", "m/q": "error"}
    assert found[0].crash is not None
    assert [(f.file, f.line) for f in found[0].crash.frames] == [("p/p_test.go", 7)]


def test_go_of_older_versions_tells_packages_that_do_not_build_beside_the_events() -> None:
    text = '{"Action":"pass","Package":"m/p","Test":"TestA"}\nFAIL\tm/q [build failed]\n'
    text += "# m/q [m/q.test]\nq/q.go:4:9: undefined: missing\n"
    found = parse_go(text, module="m")
    assert statuses(found) == {"m/p/TestA": "passed", "m/q": "error"}
    assert found[1].crash is not None
    assert found[1].crash.kind == "BuildFailed"


def test_node_tells_tests_by_file_and_leaves_out_what_holds_them() -> None:
    def event(path: list[str], **more: object) -> str:
        return json.dumps({"file": "/workspace/a.test.js", "path": path, "passed": True, **more})

    lines = [
        event(["adds"], ms=2000),
        event(["outer", "inner"], passed=False, message="no", stack="Error: no\n    at f (/workspace/b.js:3:5)"),
        event(["outer"], passed=False, suite=True),
        event(["hook"], passed=False, suite=True, message="before each"),
        event(["slow"], passed=False, why="testTimeoutFailure"),
        event(["later"], skipped=True),
        event(["/workspace/a.test.js"], passed=False, whole=True),
        event(
            ["/workspace/c.test.js"],
            file="/workspace/c.test.js",
            passed=False,
            whole=True,
            message="test failed",
            printed="Error: Cannot find module './x'\n    at g (/workspace/c.test.js:1:1)",
        ),
    ]
    found = parse_node("\n".join([*lines, "{", "noise"]))
    assert statuses(found) == {
        "a.test.js > adds": "passed",
        "a.test.js > outer > inner": "failed",
        "a.test.js > hook": "failed",
        "a.test.js > slow": "timeout",
        "a.test.js > later": "skipped",
        "c.test.js": "error",
    }
    assert found[0].duration_s == 2.0
    assert found[1].crash is not None
    assert [(frame.file, frame.line) for frame in found[1].crash.frames] == [("b.js", 3)]
    assert found[-1].crash is not None
    assert "Cannot find module" in found[-1].crash.message


def test_ctest_tells_how_a_test_ended() -> None:
    case = '<testcase name="{0}" classname="{0}"><failure message=""/><system-out>{1}</system-out></testcase>'
    cases = "".join(case.format(name, said) for name, said in (("a", "a.c:3: no"), ("b", ""), ("c", "")))
    output = (
        "1/3 Test #1: a ......***Failed    0.00 sec\n2/3 Test #2: b ......Subprocess aborted***Exception:   0.00 sec\n"
        "3/3 Test #3: c ......***Timeout   1.00 sec\n"
    )
    found = parse_ctest(f"<testsuite>{cases}</testsuite>".encode(), output)
    assert statuses(found) == {"a": "failed", "b": "crashed", "c": "timeout"}
    assert found[0].crash is not None
    assert [(frame.file, frame.line) for frame in found[0].crash.frames] == [("a.c", 3)]
    assert parse_ctest(b"no xml", output) == ()


def test_cargo_tells_the_panic_of_each_test() -> None:
    text = (
        "\nrunning 2 tests\ntest tests::adds ... FAILED\ntest tests::subs ... ok\n\nfailures:\n\n"
        "---- tests::adds stdout ----\nthread 'tests::adds' panicked at src/lib.rs:9:5:\nnot three\n\n"
        "failures:\n    tests::adds\n\ntest result: FAILED. 1 passed; 1 failed\n"
    )
    found = parse_cargo(text)
    assert statuses(found) == {"tests::adds": "failed", "tests::subs": "passed"}
    assert found[0].crash is not None
    assert [(f.file, f.line) for f in found[0].crash.frames] == [("src/lib.rs", 9)]


def test_cargo_code_that_does_not_compile_is_an_error_of_its_file() -> None:
    text = "error[E0425]: cannot find value `x`\n --> src/lib.rs:3:5\n\nerror: could not compile `c`\n"
    found = parse_cargo("", text)
    assert statuses(found) == {"src/lib.rs": "error"}


def test_jest_tells_nested_tests_and_files_that_do_not_run() -> None:
    report = {
        "testResults": [
            {
                "name": "/workspace/a.test.js",
                "status": "failed",
                "assertionResults": [
                    {"ancestorTitles": ["calc"], "title": "adds", "status": "passed", "duration": 3},
                    {"ancestorTitles": ["calc"], "title": "subs", "status": "failed", "failureMessages": ["Error: no"]},
                ],
            },
            {"name": "/workspace/b.test.js", "status": "failed", "message": "SyntaxError: bad", "assertionResults": []},
        ]
    }
    assert statuses(parse_jest("noise\n" + json.dumps(report))) == {
        "a.test.js > calc > adds": "passed",
        "a.test.js > calc > subs": "failed",
        "b.test.js": "error",
    }


def test_mocha_tells_passes_failures_and_pending() -> None:
    tests: list[dict[str, object]] = [
        {"fullTitle": name, "file": "/workspace/t.js", "err": {}} for name in ("a", "b", "c")
    ]
    tests[1]["err"] = {"message": "no", "stack": "AssertionError: no\n    at f (/workspace/t.js:3:5)"}
    report = {"stats": {}, "tests": tests, "passes": tests[:1], "failures": tests[1:2], "pending": tests[2:]}
    found = parse_mocha(json.dumps(report))
    assert statuses(found) == {"t.js > a": "passed", "t.js > b": "failed", "t.js > c": "skipped"}


def test_junit_tells_cases_and_refuses_entities() -> None:
    xml = (
        b'<testsuite><testcase classname="t.A" name="ok" time="0.5"/><testcase classname="t.A" name="no">'
        b'<failure message="boom" type="x.ValueError">trace</failure></testcase></testsuite>'
    )
    found = parse_junit(xml)
    assert statuses(found) == {"t.A.ok": "passed", "t.A.no": "failed"}
    assert found[1].crash is not None
    assert (found[1].crash.kind, found[1].crash.message) == ("ValueError", "boom")
    with pytest.raises(XmlRefused):
        parse_junit(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')


def test_tap_tells_points_directives_and_nesting() -> None:
    text = "TAP version 13\n# Subtest: outer\n    ok 1 - inner\n    not ok 2 - bad\n    1..2\n"
    text += "not ok 1 - outer\nok 2 # SKIP\n"
    assert statuses(parse_tap(text)) == {"outer > inner": "passed", "outer > bad": "failed", "2": "skipped"}


def test_probe_names_the_test_that_was_running_and_passes_over_damage() -> None:
    lines = [
        '{"e":"session"}',
        '{"e":"start","id":"a.py::t","file":"a.py"}',
        '{"e":"test","id":"a.py::t","file":"a.py","status":"passed","s":0.1}',
        "not json",
        '{"e":"start","id":"a.py::u","file":"a.py"}',
        '{"e":"te',
    ]
    run = parse_probe("\n".join(lines).encode())
    assert (list(run.results), run.running, run.sessions, run.finished) == (["a.py::t"], "a.py::u", 1, 0)


def test_spectrum_gives_each_line_its_tests() -> None:
    lines = ['{"n":0,"f":"a.py","r":"2-3,7"}', '{"t":null,"s":[0]}', '{"t":"x","s":[0]}', '{"t":"y","s":[0,9]}']
    found = parse_spectrum("\n".join(lines).encode())
    assert found.tests == ("x", "y")
    assert found.lines == {"a.py": {2: (0, 1), 3: (0, 1), 7: (0, 1)}}
    assert found.imported == {"a.py": (2, 3, 7)}


def test_the_innermost_frame_is_last_in_every_language() -> None:
    python = 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n  File "b.py", line 5, in g\nKeyError: 1'
    script = "TypeError: no\n    at g (/workspace/b.js:5:1)\n    at f (/workspace/a.js:3:1)\n"
    for text, kind, file in ((python, "KeyError", "b.py"), (script, "TypeError", "b.js")):
        crash = crash_in(text)
        assert crash is not None
        assert (crash.kind, crash.frames[-1].file, crash.frames[-1].line) == (kind, file, 5)


@pytest.mark.parametrize("parse", [parse_go, parse_cargo, parse_jest, parse_mocha, parse_node, parse_tap])
@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"stats":1,"tests":7}', "\ud800\x00\x1b[", "ok " * 9_999])
def test_damaged_reports_are_no_results_and_no_exception(
    parse: Callable[[str], tuple[TestResult, ...]], text: str
) -> None:
    assert all(result.status for result in parse(text))


def test_frames_of_ruby_are_turned_round() -> None:
    """Both quotes that Ruby has used, and those of a program that died."""
    text = "cart is closed (Closed)\n/srv/cart.rb:41:in `add'\n\tfrom /srv/main.rb:7:in 'Object#main'\n"
    frames = [(frame.file, frame.line, frame.function) for frame in frames_in(text)]
    assert frames == [("/srv/main.rb", 7, "Object#main"), ("/srv/cart.rb", 41, "add")]
