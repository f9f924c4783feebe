"""What a log tells of a failure in service, and the ways to repeat it."""

from __future__ import annotations

from typing import Literal

from tools.values import Value

Driver = Literal["wsgi", "asgi", "handler", "call"]


class Raised(Value):
    """The exception of a stack trace, in its innermost frame in the repository.

    calls: (file, line, function) of all its frames in the repository, the innermost last.
    """

    kind: str
    message: str
    file: str
    line: int
    function: str
    calls: tuple[tuple[str, int, str], ...] = ()

    @property
    def where(self) -> str:
        """The innermost frame in the repository, for people."""
        return f"{self.function} ({self.file}:{self.line})"


class Asked(Value):
    """An HTTP request that a log line shows. target: path and query as written; body: "" where the log has none."""

    method: str
    target: str
    body: str = ""
    kind: str = ""
    quote: str = ""


class Draft(Value):
    """A way to repeat it. act: an expression of names of the repository and literals, nothing else; module, name: what
    it imports; root: the directory that modules are found in; said: what it does, in words; quote: of the log.
    """

    driver: Driver
    act: str
    module: str
    name: str
    root: str = ""
    said: str = ""
    quote: str = ""


class Drafts(Value):
    """raised: None where the log has no trace in the repository's code; note: why there is nothing to try."""

    raised: Raised | None = None
    drafts: tuple[Draft, ...] = ()
    note: str = ""


class Right(Value):
    """What an earlier revision gives. answer: a literal; status: only the first item of the answer counts (what else
    there is varies); revision: of where it was seen.
    """

    answer: str
    revision: str
    status: bool = False
    raises: str = ""

    @property
    def telling(self) -> bool:
        """Whether it says more than that something was answered."""
        return not (self.status or self.raises or self.answer == "None")
