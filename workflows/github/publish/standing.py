"""Where a case stands, in one word, and whether that word is worth a person's time."""

from __future__ import annotations

from dataclasses import dataclass

from workflows.github.ledger import Result
from workflows.github.values import Case, Conclusion

# The first of these that some case has is the state of the whole comment.
RANKS = (
    "looking", "fix", "cause", "already_failing", "not_this_change", "flaky", "dependencies", "infrastructure",
    "inconclusive", "expired", "unreadable", "stopped", "dismissed", "passed", "superseded", "closed",
)  # fmt: skip
TITLES = {
    "looking": "Looking at it", "fix": "Verified fix", "cause": "Cause found, no verified fix",
    "already_failing": "It fails without this change too", "not_this_change": "Not this change", "flaky": "Flaky",
    "dependencies": "A dependency changed", "infrastructure": "Not the code", "inconclusive": "Inconclusive",
    "expired": "The logs have expired", "unreadable": "The logs cannot be used", "stopped": "Stopped",
    "dismissed": "Dismissed", "passed": "It passes again", "superseded": "Superseded", "closed": "Closed",
}  # fmt: skip
USEFUL = frozenset({
    "looking", "fix", "cause", "already_failing", "not_this_change", "flaky", "dependencies", "infrastructure",
})  # fmt: skip
VERDICTS = USEFUL - {"looking"}
_OUTCOMES = {"diagnosed": "cause", "already_failing": "already_failing", "flaky": "flaky"}
PASSES = "it passes"  # how the note of a case that is closed by a green run begins
_OVER = {"stopped": "stopped", "dismissed": "dismissed", "superseded": "superseded", "closed": "closed"}
# Ours is never the check that blocks a merge: the tests' own one is red already. `stale` is the forge's to give.
_CONCLUSIONS: dict[str, Conclusion] = {
    "looking": "", "passed": "success", "stopped": "cancelled", "dismissed": "skipped",
}  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """A case, what its diagnosis left, and the word for both."""

    case: Case
    result: Result | None
    word: str

    @property
    def useful(self) -> bool:
        """Whether it tells people what they do not know."""
        return self.word in USEFUL

    @property
    def title(self) -> str:
        """The word, for people."""
        return TITLES[self.word]

    @property
    def conclusion(self) -> Conclusion:
        """Of its check run; "" while it is not over."""
        return _CONCLUSIONS.get(self.word, "neutral")


def standing(case: Case, result: Result | None) -> Standing:
    """The word of a case. "fix" takes a certificate and a verdict beside the outcome: only that is called verified."""
    if case.state in ("new", "diagnosing"):
        return Standing(case, None, "looking")
    if case.state in _OVER:
        again = case.state == "closed" and case.note.startswith(PASSES)
        return Standing(case, result, "passed" if again else _OVER[case.state])
    if case.decision.kind != "diagnose":
        return Standing(case, result, "inconclusive" if case.decision.kind == "silent" else case.decision.kind)
    if case.outcome == "verified_patch":
        return Standing(case, result, "fix" if _proved(result) else "inconclusive")
    return Standing(case, result, _OUTCOMES.get(case.outcome, "inconclusive") if result else "inconclusive")


def state_of(standings: tuple[Standing, ...]) -> str:
    """The word of them all."""
    return min((one.word for one in standings), key=RANKS.index, default="superseded")


def _proved(result: Result | None) -> bool:
    if result is None or not result.diff:
        return False
    report = result.report
    return report.outcome == "verified_patch" and bool(
        report.verdict and report.verdict.verified and report.certificate
    )
