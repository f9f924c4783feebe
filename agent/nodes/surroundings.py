"""What a failure says of the place that it runs in: it may be no fault of the code at all."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tools.git import plain
from tools.values import Crash

_NETWORK = re.compile(
    r"name resolution|Name or service not known|nodename nor servname|No address associated with hostname"
    r"|getaddrinfo|Network is unreachable|\bEAI_AGAIN\b|\bENOTFOUND\b|dial tcp: lookup|failed to lookup address",
    re.IGNORECASE,
)
_READ_ONLY = re.compile(r"Read-only file system|\bEROFS\b", re.IGNORECASE)
_ASYNC = re.compile(r"async def functions are not natively supported")
_HOME = re.compile(r"'?(/tmp/home/[^\s'\"]{1,200})")
_VARIABLE = re.compile(r"KeyError: '([A-Z][A-Z0-9]*_[A-Z0-9_]{1,100}|[A-Z]{3,40})'")
_MODULE = re.compile(r"No module named '([\w.]{1,100})'|Cannot find (?:module|package) '([@\w./-]{1,100})'")


def surroundings(crashes: Iterable[Crash], *, walled: bool = True) -> tuple[str, ...]:
    """What to look at first because of where tests run, each once. walled: without network and the host's files."""
    found: list[str] = []
    for crash in crashes:
        text = f"{crash.kind}: {crash.message}"
        missing = _MODULE.search(text)
        if walled and _NETWORK.search(text):
            found.append("tests run without network here: see whether the failure is only that they ask for it")
        if walled and _READ_ONLY.search(text):
            found.append("tests can write into the checkout and the temporary directory alone: see where they write to")
        if walled and (home := _HOME.search(text)):
            found.append(f"tests have an empty home directory here: let them make {plain(home[1], 200)} themselves")
        if walled and (variable := _VARIABLE.search(text)):
            found.append(
                f"tests see no variable of your shell: if {variable[1]} is one, set it in the command "
                f"(--test-command '{variable[1]}=… python -m pytest')"
            )
        if _ASYNC.search(text):
            found.append("nothing runs async tests: install pytest-asyncio or anyio too (--install COMMAND)")
        if missing:
            name = plain(missing[1] or missing[2], 100)
            found.append(f"{name} is not in the environment: if it is a dependency, install it too (--install COMMAND)")
    return tuple(dict.fromkeys(found))
