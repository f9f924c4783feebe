"""A test that a model writes: one new file, named by the conventions of the framework, and nothing else."""

from __future__ import annotations

import re

MAX_TEST = 20_000
FRAMEWORKS = ("pytest",)
_PYTEST = re.compile(r"(?:\w[\w.-]{0,80}/){0,12}(?:test_\w{1,80}|\w{1,80}_test)\.py", re.ASCII)


def problem_of(framework: str, path: str) -> str:
    """Why a file of that name cannot hold a new test of the framework; "" when it can."""
    if framework not in FRAMEWORKS:
        return f"tests can be written for {', '.join(FRAMEWORKS)}, not for {framework}"
    if _PYTEST.fullmatch(path):
        return ""
    return f"{path[:200]!r} is no name of a new test: it must be like tests/test_something.py"
