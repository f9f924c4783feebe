"""Logs of Actions as its archives hold them: of jobs that fail in a test, on the machine, or not at all."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

STAMP = "2026-03-04T09:12:32.0000000Z "
_RUN = "##[group]Run pytest\n\x1b[36;1mpytest\x1b[0m\nshell: /usr/bin/bash -e {0}\n##[endgroup]\n"
_END = "##[error]Process completed with exit code 1.\n"
_LAST = "Post job cleanup.\nCleaning up orphan processes\n"


def _stamped(text: str) -> str:
    return "".join(f"{STAMP}{line}\n" for line in text.splitlines())


def red(test: str = "tests/test_a.py::test_a", *, why: str = "assert 1 == 2") -> str:
    """A job of which a test failed."""
    told = f"FAILED {test} - {why}\n1 failed in 0.01s\n"
    return _stamped(f"Current runner version: '2.331.0'\n{_RUN}collected 3 items\n{told}{_END}{_LAST}")


def green() -> str:
    """A job that passed."""
    return _stamped(f"Current runner version: '2.331.0'\n{_RUN}collected 3 items\n3 passed in 0.01s\n{_LAST}")


def full_disk() -> str:
    """A job whose machine had no place left."""
    told = "OSError: [Errno 28] No space left on device\n"
    return _stamped(f"Current runner version: '2.331.0'\n{_RUN}{told}{_END}{_LAST}")


def zipped(jobs: Mapping[str, str]) -> bytes:
    """The archive of an attempt. jobs: names as archives have them, and their logs."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for number, (name, text) in enumerate(jobs.items()):
            made.writestr(f"{number}_{name}.txt", text)
    return data.getvalue()
