"""What comes from a model, once code has judged it: claims with their evidence, a written test, what it cost."""

from __future__ import annotations

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
    """A test that a model wrote. path: its file, laid over the tree; content: artifact (sha256) with its text; model:
    who wrote it; quotes: what it says was reported, word for word.
    """

    path: str
    content: str
    model: str
    quotes: tuple[str, ...]


class WrittenTest(Value):
    """A test that a model wrote, as published."""

    path: str
    text: str
    model: str
    quotes: tuple[str, ...]


class Thought(Value):
    """What one branch of a model's thought did. stopped: why it ended; cached: prompt tokens that the server had."""

    branch: str
    steps: int
    tokens: int
    cached: int
    sandbox_s: float
    stopped: str
