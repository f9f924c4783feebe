"""What a run may ask of a person, and what it does with the answer."""

from __future__ import annotations

from typing import Literal

from agent.artifacts import Artifacts
from agent.domain import Request
from tools.testing.run import is_command
from tools.values import Value

Subject = Literal["guard", "budget", "information"]
Decision = Literal["approve", "deny", "message", "expired"]
Sha256 = str


class Question(Value):
    """id: within its run; question: one line; detail: what there is to read; consequence: what each answer leads to."""

    id: str
    subject: Subject
    question: str
    detail: str = ""
    consequence: str = ""


class More(Value):
    """What a person adds to a request. text is added to what was reported; the rest takes the place of what was known.

    tests: ids or one command; rev: the revision to diagnose. Of `Told` text and log are artifacts.
    """

    text: str | None = None
    log: str | None = None
    tests: tuple[str, ...] = ()
    install: tuple[str, ...] = ()
    test_command: str | None = None
    python: str | None = None
    rev: str | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is said."""
        return not any(self.model_dump().values())

    @property
    def rebuilds(self) -> bool:
        """Whether the checkout or its environment is another one with it."""
        command = any(map(is_command, self.tests))
        return command or bool(self.install or self.test_command or self.python or self.rev)


class Told(More):
    """The same, with `text` and `log` as artifacts."""


class Answer(Value):
    """question: its id; note: what was said beside the decision; more: with the decision `message`."""

    question: str
    decision: Decision
    note: str = ""
    more: Told | None = None


class Settled(Value):
    """A question that was answered. patch: what the guard's question was about, and the rules that it needs lifted."""

    question: str
    subject: Subject
    decision: Decision
    patch: Sha256 | None = None
    rules: tuple[str, ...] = ()


def kept(more: More, artifacts: Artifacts) -> Told:
    """What was said, with its texts as artifacts."""
    texts = {name: artifacts.put(text) for name in ("text", "log") if (text := getattr(more, name)) is not None}
    return Told.model_validate({**more.model_dump(), **texts})


def amended(request: Request, told: Told | None, artifacts: Artifacts) -> Request:
    """The request with what was told."""
    if told is None:
        return request
    names = ("log", "tests", "install", "test_command", "python", "rev")
    changed: dict[str, object] = {name: value for name in names if (value := getattr(told, name))}
    if told.text is not None:
        before = [artifacts.text(request.issue)] if request.issue else []
        changed["issue"] = artifacts.put("\n\n".join([*before, artifacts.text(told.text)]))
    return request.model_copy(update=changed)
