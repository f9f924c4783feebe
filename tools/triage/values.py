"""What a triage speaks of: evidence, deploys, symptoms, changes under suspicion, and the note.

Times are seconds since 1970, -1 unknown. Every sentence of a note cites evidence by id.
"""

from __future__ import annotations

from typing import Literal

from tools.values import Value

Cause = Literal["change", "config", "dependency", "infrastructure", "healthy", "inconclusive"]
Kind = Literal[
    "alert", "log", "trace", "deploy", "commit", "frame", "terms", "owner", "runbook", "check", "topology", "metric",
    "answer",
]  # fmt: skip
ChangeKind = Literal["code", "config", "dependency", "inert"]


class Observation(Value):
    """Something that was seen. where: file:line, or a commit; query: the command that shows it again."""

    id: str
    kind: Kind
    summary: str
    time: int = -1
    where: str = ""
    query: str = ""


class Deploy(Value):
    """A revision went live. service "": all services; revision "": something outside the repository was changed.

    live: False where it was only committed then, and when it went live is not known.
    """

    time: int
    service: str = ""
    revision: str = ""
    previous: str = ""
    note: str = ""
    evidence: str = ""
    live: bool = True


class Symptom(Value):
    """What a service's log says differently since the onset. before, after: lines on each side of it.

    counts: its lines in equal parts of the time looked at, () unknown.
    state: "new", "more", "silent" (it stopped writing), "slower" (lines tell of longer times); hints: kinds of cause
    that its words name.
    """

    service: str
    template: str
    text: str
    example: str
    level: str
    state: Literal["new", "more", "silent", "slower"]
    before: int
    after: int
    first: int
    evidence: str
    hints: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()


class Point(Value):
    """One reason for or against a change, in points; evidence: what shows it."""

    name: Literal["frame", "file", "terms", "time", "service", "kind", "means"]
    points: float
    detail: str
    evidence: str


class Suspected(Value):
    """A change under suspicion. commit "": the deploy itself, of something outside the repository.

    grounding: points from content (frames, files, terms, kind), which time and place alone cannot give.
    """

    commit: str
    subject: str
    author: str
    kind: ChangeKind
    service: str
    deployed: int
    score: float
    grounding: float
    points: tuple[Point, ...]
    files: tuple[str, ...]
    excerpt: str
    evidence: tuple[str, ...]
    live: bool = True  # False: committed at `deployed`; when it went live is not known


class Sentence(Value):
    """A claim and the ids of the evidence that it rests on."""

    text: str
    cites: tuple[str, ...]


class Action(Value):
    """What to do now. kind: roll back, fix forward, mitigate (a runbook), escalate, watch."""

    kind: Literal["roll back", "fix forward", "mitigate", "escalate", "watch"]
    sentence: Sentence
    command: str = ""


class Moment(Value):
    """A row of the timeline."""

    time: int
    what: str
    cites: tuple[str, ...]


class Hypothesis(Value):
    """An explanation beside others. commit: of the change that it blames, "" for none; by: "signals" or a model.

    confidence: 0 to 1, capped by grounding; test: what would tell it from the others.
    """

    claim: Sentence
    cause: Cause
    commit: str
    supports: tuple[Sentence, ...]
    contradicts: tuple[Sentence, ...]
    test: Sentence
    confidence: float
    by: str


class Note(Value):
    """The note for the person on call. confidence: 0 to 1, capped by grounding; onset: -1 where nothing began.

    begin, end: of the time looked at, -1 unknown.
    reproduction: the stack trace that a diagnosis can start from, after the lines around it, "" without one in the
    repository's code; revision: what ran when it was written; good: what ran before the suspect change.
    citations: what the check of the sentences' citations said.
    """

    cause: Cause
    confidence: float
    onset: int
    service: str
    summary: tuple[Sentence, ...]
    timeline: tuple[Moment, ...]
    suspects: tuple[Suspected, ...]
    symptoms: tuple[Symptom, ...]
    blast: tuple[Sentence, ...]
    actions: tuple[Action, ...]
    decide: tuple[Sentence, ...]
    evidence: tuple[Observation, ...]
    reproduction: str
    revision: str
    good: str
    citations: str
    notes: tuple[str, ...] = ()
    begin: int = -1
    end: int = -1
    hypotheses: tuple[Hypothesis, ...] = ()
