"""What comes from a model, once code has judged it: claims with their evidence, a written test, what it cost."""

from __future__ import annotations

from pydantic import Field

from tools.values import Value


class Hypothesis(Value):
    """A claimed cause with the ids of the evidence it rests on; code drops claims without any.

    place: where, as the model wrote it; objection: what was found against it when it was challenged, "" for nothing.
    """

    claim: str
    evidence: tuple[str, ...]
    place: str = ""
    objection: str = ""


class Cited(Value):
    """A sentence of a model with the ids of the evidence it cites."""

    text: str
    evidence: tuple[str, ...]


class Explanation(Value):
    """Why a verified patch is one, in the words of a model: the cause, why the fix works, its risk."""

    cause: tuple[Cited, ...] = ()
    fix: tuple[Cited, ...] = ()
    risk: tuple[Cited, ...] = ()


class Written(Value):
    """A test that no person wrote. path: its file, laid over the tree; content: artifact (sha256) with its text; model:
    who wrote it, "" for Patchwright itself; quotes: what it says was reported, word for word; claims: what a test of
    Patchwright's asserts.
    """

    path: str
    content: str
    model: str
    quotes: tuple[str, ...]
    claims: str = Field(default="", exclude_if=lambda text: not text)

    @property
    def by(self) -> str:
        """Who wrote it, in a sentence."""
        return f"the model {self.model}" if self.model else "Patchwright"


class WrittenTest(Value):
    """A test that no person wrote, as published. model: "" where Patchwright wrote it; claims: what that asserts."""

    path: str
    text: str
    model: str
    quotes: tuple[str, ...]
    claims: str = ""


class Thought(Value):
    """What one branch of a model's thought did. stopped: why it ended; cached: prompt tokens that the server had."""

    branch: str
    steps: int
    tokens: int
    cached: int
    sandbox_s: float
    stopped: str
