"""What shall be said, from what is known: a pure function. Saying nothing is an answer too."""

from __future__ import annotations

from workflows.github.publish.checks import check_of
from workflows.github.publish.comment import body_of
from workflows.github.publish.matter import Matter, Review, Speech
from workflows.github.publish.standing import VERDICTS, Standing, standing, state_of
from workflows.github.publish.suggestions import review_of

MOST_CHECKS = 20


def speech_of(matter: Matter) -> Speech:
    """The comment, check runs and suggestions as they should stand now."""
    if not matter.wanted.enabled:
        return Speech()
    now = tuple(standing(case, matter.results.get(case.diagnosis)) for case in matter.current)
    said = _spoken_of(matter, now)
    state = state_of(now)
    corrected = _corrected(matter, state)
    silenced = matter.published.silenced or any(one.word == "stopped" for one in now)
    return Speech(
        comment=body_of(matter, said, corrected) if _speaks(matter, said) else None, state=state, corrected=corrected,
        silenced=silenced, checks={one.case.key: check_of(matter, one) for one in _checked(matter, now)},
        reviews=_reviews(matter, said),
    )  # fmt: skip


def _reviews(matter: Matter, said: tuple[Standing, ...]) -> tuple[Review, ...]:
    """Suggestions that were not made yet; failures with the same patch share theirs."""
    if not matter.wanted.suggestions or not matter.open or not matter.subject or matter.published.gone:
        return ()
    found = {review.key: review for one in said if (review := review_of(matter, one)) is not None}
    return tuple(review for key, review in found.items() if key not in matter.published.reviews)


def _spoken_of(matter: Matter, now: tuple[Standing, ...]) -> tuple[Standing, ...]:
    """What the comment tells, the weightiest first. After a stop only what people asked for."""
    wanted = [
        one for one in now if not matter.published.silenced or one.case.by or matter.published.head_sha == matter.head
    ]
    return tuple(sorted(wanted, key=lambda one: _rank(one.word)))


def _rank(word: str) -> int:
    return ("fix", "cause", "looking").index(word) if word in ("fix", "cause", "looking") else 3


def _speaks(matter: Matter, said: tuple[Standing, ...]) -> bool:
    """A comment that stands is kept true; a new one needs something worth saying, on what is open."""
    known = matter.published
    if not matter.subject or known.gone:
        return False
    if known.comment:  # what was found stays readable when the pull request is closed
        return bool(said or known.head_sha != matter.head) and (matter.open or known.state == "looking")
    if not matter.open or not said:
        return False
    return any(one.useful for one in said) or not matter.wanted.silent


def _corrected(matter: Matter, state: str) -> str:
    """The verdict on the same commit that the comment had before, where it was another one."""
    known = matter.published
    if known.head_sha != matter.head or not known.state:
        return ""
    if known.state in VERDICTS and state in (VERDICTS | {"inconclusive"}) and known.state != state:
        return known.state
    return known.corrected if known.corrected != state else ""


def _checked(matter: Matter, now: tuple[Standing, ...]) -> tuple[Standing, ...]:
    """Failures with a check run: those worth one, and those that have one already, of older commits too."""
    before = tuple(
        standing(case, matter.results.get(case.diagnosis)) for case in matter.cases
        if case not in matter.current and case.key in matter.published.checks
    )  # fmt: skip
    fresh = [
        one for one in now
        if one.case.run and (one.case.key in matter.published.checks or (_worth(matter, one) and matter.open))
    ]  # fmt: skip
    return (*fresh[:MOST_CHECKS], *before[-MOST_CHECKS:])


def _worth(matter: Matter, one: Standing) -> bool:
    if matter.published.silenced and not one.case.by:
        return False
    return one.useful or (not matter.wanted.silent and one.word != "stopped")
