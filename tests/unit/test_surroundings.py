"""What a failure says of the place that it runs in."""

from __future__ import annotations

import pytest

from agent.nodes.surroundings import surroundings
from tools.values import Crash


@pytest.mark.parametrize(
    ("kind", "message", "said"),
    [
        ("URLError", "<urlopen error [Errno -3] Temporary failure in name resolution>", "without network"),
        ("ConnectError", "[Errno -2] Name or service not known", "without network"),
        ("Error", "getaddrinfo EAI_AGAIN example.org", "without network"),
        ("OSError", "[Errno 30] Read-only file system: '/srv/x'", "the temporary directory alone"),
        (
            "FileNotFoundError",
            "[Errno 2] No such file or directory: '/tmp/home/.netrc'",
            "make /tmp/home/.netrc themselves",
        ),
        ("Failed", "async def functions are not natively supported.\nYou need to", "install pytest-asyncio"),
        ("KeyError", "'SHOP_DB_URL'", "--test-command 'SHOP_DB_URL="),
        ("ModuleNotFoundError", "No module named 'frobnicate.core'", "frobnicate.core is not in the environment"),
        ("Error", "Cannot find module '@acme/box'", "@acme/box is not in the environment"),
    ],
)
def test_a_failure_that_may_be_of_the_place_is_told_so(kind: str, message: str, said: str) -> None:
    (step,) = surroundings([Crash(kind=kind, message=message)] * 3)
    assert said in step


def test_other_failures_say_nothing_of_it() -> None:
    crashes = [Crash(kind="AssertionError", message="assert 1 == 2"), Crash(kind="ConnectionError", message="closed")]
    crashes += [Crash(kind="KeyError", message=text) for text in ("'usd'", "'a_b'", "'EU'", "5")]
    assert surroundings(crashes) == ()
    assert surroundings([Crash(kind="gaierror", message="Name or service not known")], walled=False) == ()
