"""Reports for tests: one as the bundled example gives it, and the same one with a hostile text in every place."""

from __future__ import annotations

import hashlib
from typing import Any

from agent.domain import Report

_FIX = """\
diff --git a/src/duesbook/subscriptions.py b/src/duesbook/subscriptions.py
--- a/src/duesbook/subscriptions.py
+++ b/src/duesbook/subscriptions.py
@@ -51,6 +51,7 @@
             raise NotPossible(f"{self.customer} is paused since {self.paused_on}")
         if day > self.billed_to:
             self._bill(self.billed_to, day)
+            self.billed_to = day
~
     def _bill(self, start, day):
         \"\"\"Post the days from start up to, not including, a day of the same period or its end.\"\"\"
"""
FIX = _FIX.replace("~\n", " \n")  # an empty line of context is one blank
TESTS = tuple(
    f"tests/test_subscriptions.py::test_{name}"
    for name in ("the_rest_of_the_month_is_billed_at_the_new_plan", "two_changes_in_a_month_bill_every_day_once")
)
FIXED_FIELDS = {"outcome", "goal", "status", "sandbox"}


def verified() -> Report:
    """A verified patch of the bundled example."""
    return Report.model_validate(_fields())


def without_patch(outcome: str = "diagnosed") -> Report:
    """The same run, had it found no patch."""
    fields = _fields()
    none: dict[str, Any] = {"patch": None, "patch_description": "", "verdict": None, "certificate": None}
    return Report.model_validate({**fields, **none, "outcome": outcome, "alternatives": []})


def hostile(text: str) -> Report:
    """A report with `text` as every string in it, names of facts and nodes included."""
    return Report.model_validate(_replaced(_fields(), text))


def _replaced(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {
            _name(value, name, text): v if name in FIXED_FIELDS else _replaced(v, text) for name, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [_replaced(item, text) for item in value]
    return text if isinstance(value, str) else value


def _name(fields: dict[str, Any], name: str, text: str) -> str:
    return f"{name} {text}" if set(fields) <= {"tree", "prepare", "reproduce", "localize", "search", "verify"} else name


def _histories(outcome: str) -> list[dict[str, Any]]:
    return [{"id": test, "outcomes": [outcome] * 5, "seeds": [0, 1, 2, 3, 4]} for test in TESTS]


def _fields() -> dict[str, Any]:
    digest = hashlib.sha256(FIX.encode()).hexdigest()
    crash = {
        "kind": "AssertionError",
        "message": "assert [1000, 15000] == [1000, 10000]\n  At index 1 diff: 15000 != 10000",
        "frames": [{"file": "tests/test_subscriptions.py", "line": 66, "function": "test_the_rest"}],
        "text": "    ada.close(APRIL)\n"
        ">   assert amounts(ledger) == [1000, 10000]\nE   assert [1000, 15000] == [1000, 10000]",
    }
    suspects = [
        ("Subscription._settle", 53, 0.93),
        ("Subscription.change_plan", 25, 0.71),
        ("Subscription._bill", 57, 0.4),
    ]
    return {
        "run": "20261124-081500-4f2a",
        "outcome": "verified_patch",
        "reason": "2 decisive tests fail before and pass after, 5 times each; 33 other tests still pass",
        "root_cause": "AssertionError: assert [1000, 15000] == [1000, 10000] goes away when Subscription._settle "
        "(src/duesbook/subscriptions.py:53) is changed: insert `self.billed_to = day`; introduced by 5ebdf1c00000 "
        "(Settle pauses and plan changes in one place)",
        "request": {"source": "/home/ada/duesbook", "good": "v1.2.0"},
        "repository": {
            "source": "/home/ada/duesbook", "commit": "50a57ca" + "0" * 33, "dirty": False, "sandbox": "bubblewrap",
        },
        "failing_tests": _histories("failed"),
        "failures": [{"id": test, "status": "failed", "duration_s": 0.01, "crash": crash} for test in TESTS],
        "groups": [{"signature": "AssertionError@tests/test_subscriptions.py:test", "tests": list(TESTS)}],
        "suspects": [
            {
                "file": "src/duesbook/subscriptions.py", "line": at, "function": name, "score": score,
                "signals": [f"spectrum: executed by {round(3 * score)} of 3 failing and 2 of 33 passing tests",
                            "change: touched since v1.2.0"],
            }
            for name, at, score in suspects
        ],
        "evidence": [
            {"id": "test-run-1c9d0e", "kind": "test-run", "summary": f"{TESTS[0]} failed 5 of 5 times: AssertionError",
             "artifact": "a" * 64, "data": {"tree": "0" * 12}},
            {"id": "commit-77aa01", "kind": "commit", "artifact": "b" * 64,
             "summary": "bisection names 5ebdf1c: Settle pauses and plan changes in one place; "
             " 3 commits tested, 0 skipped, 2.4 s"},
            {"id": "search-90ffee", "kind": "search", "summary": "2140 candidates in 2.6 s (823/s), 3 plausible"},
        ],
        "culprit": {
            "commit": "5ebdf1c" + "0" * 33, "author": "Bo Lindqvist", "date": "2024-03-25",
            "subject": "Settle pauses and plan changes in one place", "diff": "c" * 64, "tested": 3, "skipped": 0,
            "seconds": 2.4,
        },
        "patch": FIX,
        "patch_description": "insert `self.billed_to = day` after line 53 of src/duesbook/subscriptions.py",
        "verdict": {
            "patch": digest, "verified": True, "reason": "2 decisive tests fail before and pass after, 5 times each",
            "before": _histories("failed"), "after": _histories("passed"), "regression_set": 33,
            "certificate": "d" * 64, "doubts": ["change_plan acts differently on 2 of 40 inputs"],
        },
        "certificate": {"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": digest}}],
                        "predicate": {"patch": FIX, "seal": "e" * 64}},
        "alternatives": [
            {"description": "insert `self.billed_to = day` in change_plan", "diff": FIX, "behaves_like_chosen": True},
            {"description": "insert `self.start = day`", "diff": FIX, "behaves_like_chosen": False,
             "distinguishing_input": "differs from the first patch on change_plan(pro, 2024-04-11)"},
        ],
        "rejected": [{"patch": "f" * 64, "verified": False, "reason": "it breaks tests/test_ledger.py::test_posting"}],
        "next_steps": ["review the patch: it passes the tests that were run, which is not proof of intent"],
        "written_test": {"path": "tests/test_reported.py", "text": "def test_settle():\n    assert settle() == 1\n",
                         "model": "qwq-32b", "quotes": ["the second change is billed twice"]},
        "explanation": {
            "cause": [{"text": "The start of the bill was not moved", "evidence": ["test-run-1c9d0e"]}],
            "fix": [{"text": "It is moved now", "evidence": ["commit-77aa01", "search-90ffee"]}],
            "risk": [],
        },
        "cost": {
            "wall_s": 9.8, "candidates": 2140, "candidates_per_s": 823.0,
            "nodes": {"prepare": 2.1, "reproduce": 1.2, "localize": 2.6, "search": 2.6, "verify": 1.3},
        },
    }  # fmt: skip
