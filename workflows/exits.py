"""Exit codes of the command line, and the error that carries one. Those of outcomes are `agent.domain.EXIT_CODES`."""

from __future__ import annotations

DIFFERS = 1
USAGE = 64
BAD_INPUT = 65
UNAVAILABLE = 69
INTERNAL = 70
IO_FAILED = 74
SIGNALLED = 128

EPILOG = """\
Exit codes of a diagnosis: 0 verified patch, 2 diagnosed, 3 inconclusive, 4 not reproduced, 5 flaky, \
6 already failing (at the good revision too), 7 environment broken.

Of verify and replay: 0 it holds, 1 it does not.

Of every command: 64 wrong usage, 65 input that cannot be used, 69 sandbox unavailable, 70 a bug in Patchwright, \
74 reading or writing failed, 130 interrupted (Ctrl-C), 143 terminated.
"""


class Refused(Exception):
    """An end that the user can do something about: `message` says what, `code` is the exit code."""

    def __init__(self, message: str, code: int = BAD_INPUT) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
