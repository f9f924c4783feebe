"""The state of a run: frozen, small, and resumable. Long texts are artifacts; lists that several nodes extend have a
reducer, everything else is replaced by the node that owns it.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Annotated, TypedDict

from agent.asking import Settled
from agent.domain import (
    Culprit,
    Evidence,
    Explanation,
    Failure,
    Hypothesis,
    NodeTime,
    Outcome,
    Patch,
    Prepared,
    Request,
    SearchSummary,
    Suspect,
    Thought,
    Verdict,
)


@dataclass(frozen=True)
class State:
    """run: the run's id; baseline and coverage: artifacts (TestRun, Coverage) of the suite on the base;
    outcome: set early by a node that ends the run before a patch was looked for; answered: what people were asked;
    report: artifact of the report.
    """

    request: Request
    run: str
    prepared: Prepared | None = None
    failure: Failure | None = None
    baseline: str | None = None
    coverage: str | None = None
    suspects: list[Suspect] = field(default_factory=list)
    culprit: Culprit | None = None
    evidence: Annotated[list[Evidence], operator.add] = field(default_factory=list)
    patches: Annotated[list[Patch], operator.add] = field(default_factory=list)
    verdicts: Annotated[list[Verdict], operator.add] = field(default_factory=list)
    searches: Annotated[list[SearchSummary], operator.add] = field(default_factory=list)
    thoughts: Annotated[list[Thought], operator.add] = field(default_factory=list)
    hypotheses: list[Hypothesis] = field(default_factory=list)
    explanation: Explanation | None = None
    spent: Annotated[list[NodeTime], operator.add] = field(default_factory=list)
    round: int = 0
    answered: Annotated[list[Settled], operator.add] = field(default_factory=list)
    outcome: Outcome | None = None
    reason: str = ""
    report: str | None = None

    @property
    def ready(self) -> Prepared:
        """The prepared repository; the edges see to it that there is one."""
        if self.prepared is None:
            raise LookupError("the repository was not prepared: the graph's edges are wrong")
        return self.prepared

    @property
    def reproduced(self) -> Failure:
        """The reproduced failure; the edges see to it that there is one."""
        if self.failure is None:
            raise LookupError("no failure was reproduced: the graph's edges are wrong")
        return self.failure

    @property
    def verified(self) -> Verdict | None:
        """The last verified verdict: minimization appends a better one."""
        return next((v for v in reversed(self.verdicts) if v.verified), None)

    @property
    def last_verdicts(self) -> tuple[Verdict, ...]:
        """The last one of each patch: what a person agreed to is judged anew."""
        return tuple({verdict.patch: verdict for verdict in self.verdicts}.values())

    def lifted(self, patch: str) -> tuple[str, ...]:
        """Rules of the guard that a person lifted for this very patch."""
        agreed = [one.rules for one in self.answered if one.patch == patch and one.decision == "approve"]
        return tuple(rule for rules in agreed for rule in rules)

    @property
    def agreed(self) -> tuple[str, ...]:
        """Patches that a person agreed to since the guard refused them."""
        return tuple(v.patch for v in self.last_verdicts if v.findings and self.lifted(v.patch))

    @property
    def spent_s(self) -> float:
        """Seconds of wall clock of all finished nodes; survives a resume, unlike a clock.

        Search and the model work at the same time: the shorter of both does not count.
        """
        searching, thinking = ([e.seconds for e in self.spent if e.node == node] for node in ("search", "think"))
        together = sum(min(pair) for pair in zip(searching, thinking, strict=False))
        return sum(entry.seconds for entry in self.spent) - together

    def remaining_s(self) -> float:
        """Seconds left of the run's wall limit, never below zero."""
        return max(0.0, self.request.limits.wall_s - self.spent_s)


class Update(TypedDict, total=False):
    """What a node returns: the fields it changes; reducer fields hold only what is added."""

    request: Request
    prepared: Prepared | None
    failure: Failure | None
    baseline: str | None
    coverage: str | None
    suspects: list[Suspect]
    culprit: Culprit
    evidence: list[Evidence]
    patches: list[Patch]
    verdicts: list[Verdict]
    searches: list[SearchSummary]
    thoughts: list[Thought]
    hypotheses: list[Hypothesis]
    explanation: Explanation
    spent: list[NodeTime]
    round: int
    answered: list[Settled]
    outcome: Outcome | None
    reason: str
    report: str
