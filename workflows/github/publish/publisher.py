"""From what is known of a pull request to what stands on the forge: compare, and say only what is different.

Whatever was said is kept right after it was. An answer that was lost leaves something said and not kept: our comment is
found again by its first line and our App's id, our check runs by their external id, a branch by its commit. A review
cannot be found again, so it is kept before it is said: at most once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from sandbox.detection.overrides import ConfigurationInvalid
from workflows.github.configuration import NAME, BotConfiguration, configuration_of
from workflows.github.forge import Absent, Forge, ForgeAway, ForgeBusy, ForgeError, Refused
from workflows.github.ledger import Ledger, Result
from workflows.github.names import RepositoryName
from workflows.github.publish.comment import marker
from workflows.github.publish.matter import Links, Matter, Review, Speech
from workflows.github.publish.say import speech_of
from workflows.github.publish.wishes import Desk, granted
from workflows.github.values import Case, ChangedFile, Check, Place, Published, PullRequest

_log = structlog.get_logger("patchwright.publish")
_NOBODY = RepositoryName(owner="unknown", name="unknown")  # a ledger looks at ids alone


class Busy(Exception):
    """Somebody else speaks about it right now."""


@dataclass(frozen=True)
class Publisher:
    """forge: may write; links: addresses for people."""

    forge: Forge
    ledger: Ledger
    links: Links

    async def speak(self, repository: int, subject: int) -> None:
        """Bring a pull request up to date. Raises Busy, ForgeAway, StoreDown: to be tried again."""
        place = Place(id=repository, name=_NOBODY, installation=0)
        async with self.ledger.alone(place, subject) as alone:
            if not alone:
                raise Busy
            cases = await self.ledger.cases(place, subject)
            if not cases:
                return
            try:
                await self._speak(cases, subject)
            except ForgeAway:
                raise
            except ForgeError as error:
                _log.warning("not said", repository=repository, subject=subject, reason=str(error))

    async def _speak(self, cases: tuple[Case, ...], subject: int) -> None:
        place = await self.forge.place(cases[-1].place)
        pull = await self._pull(place, cases, subject)
        wanted = await self._wanted(place, pull.base_ref if pull else cases[-1].base_ref)
        results = await self._results(cases)
        if wanted.enabled:
            cases = await granted(
                Desk(self.forge, self.ledger, place, wanted, pull.head_sha if pull else ""), cases, results
            )
        matter = Matter(
            place=place, subject=subject, head=pull.head_sha if pull else cases[-1].head_sha, cases=cases,
            results=results, published=await self.ledger.published(place, subject), wanted=wanted, links=self.links,
            open=pull.open if pull else True, changed=await self._changed(place, pull, results),
        )  # fmt: skip
        await self._say(matter, speech_of(matter))

    async def _pull(self, place: Place, cases: tuple[Case, ...], subject: int) -> PullRequest | None:
        """None for a branch, and for an issue, whose cases come from no run."""
        return await self.forge.pull(place, subject) if subject and any(case.run for case in cases) else None

    async def _wanted(self, place: Place, ref: str) -> BotConfiguration:
        """What the owners want, on the base. What cannot be read means silence."""
        try:
            return configuration_of(await self.forge.file(place, NAME, ref or place.default_branch))
        except ConfigurationInvalid:
            return BotConfiguration(enabled=False)

    async def _results(self, cases: tuple[Case, ...]) -> dict[str, Result]:
        found: dict[str, Result] = {}
        for case in cases:
            if case.diagnosis and case.state != "diagnosing" and (kept := await self.ledger.result(case.diagnosis)):
                found[case.diagnosis] = kept
        return found

    async def _changed(
        self, place: Place, pull: PullRequest | None, results: dict[str, Result]
    ) -> tuple[ChangedFile, ...]:
        """The diff of the pull request, where a patch might become suggestions."""
        wanted = pull is not None and any(result.diff for result in results.values())
        return await self.forge.changed(place, pull.number) if wanted and pull else ()

    async def _say(self, matter: Matter, speech: Speech) -> None:
        """The comment first; what the App lacks a permission for does not keep the rest from being said."""
        said = matter.published.model_copy(update={"silenced": matter.published.silenced or speech.silenced})
        if speech.comment is not None:
            said = await self._tried(matter, said, lambda now: self._comment(matter, now, speech))
        for key, check in speech.checks.items():
            said = await self._tried(matter, said, lambda now, k=key, c=check: self._check(matter, now, k, c))  # type: ignore[misc]
        for review in speech.reviews:
            said = await self._tried(matter, said, lambda now, r=review: self._review(matter, now, r))  # type: ignore[misc]

    async def _tried(
        self, matter: Matter, said: Published, say: Callable[[Published], Awaitable[Published]]
    ) -> Published:
        try:
            return await say(said)
        except ForgeAway:
            raise
        except ForgeError as error:
            _log.warning("not said", repository=matter.place.id, subject=matter.subject, reason=str(error))
            return said

    async def _comment(self, matter: Matter, said: Published, speech: Speech) -> Published:
        body = speech.comment or ""
        digest = _digest(body)
        if said.digest == digest and said.comment:
            return said
        number = said.comment or await self._own(matter)
        told = {"digest": digest, "head_sha": matter.head, "state": speech.state, "corrected": speech.corrected}
        if not number:
            number = await self.forge.add_comment(matter.place, matter.subject, body)
        else:
            try:
                await self.forge.edit_comment(matter.place, number, body)
            except Absent:
                return await self._kept(matter, said, {"gone": True})
        return await self._kept(matter, said, {**told, "comment": number})

    async def _own(self, matter: Matter) -> int:
        """A comment of ours that we do not remember: its answer was lost."""
        first = marker(matter.place, matter.subject)
        found = await self.forge.comments(matter.place, matter.subject)
        return next((c.id for c in found if c.app == self.forge.app and c.body.startswith(first)), 0)

    async def _check(self, matter: Matter, said: Published, key: str, check: Check) -> Published:
        digest = _digest(check.to_json())
        if said.check_digests.get(key) == digest:
            return said
        number = said.checks.get(key) or (await self.forge.checks(matter.place, check.head_sha)).get(check.external, 0)
        if number:
            try:
                await self.forge.edit_check(matter.place, number, check)
            except Absent:
                number = 0
        number = number or await self.forge.add_check(matter.place, check)
        return await self._kept(
            matter, said,
            {"checks": {**said.checks, key: number}, "check_digests": {**said.check_digests, key: digest}},
        )  # fmt: skip

    async def _review(self, matter: Matter, said: Published, review: Review) -> Published:
        kept = await self._kept(matter, said, {"reviews": (*said.reviews, review.key)[-200:]})
        try:
            await self.forge.suggest(matter.place, matter.subject, review.sha, review.body, review.lines)
        except ForgeBusy:  # not heard for certain: say it later
            await self._kept(matter, kept, {"reviews": said.reviews})
            raise
        except Refused as error:
            _log.info("no suggestions", repository=matter.place.id, subject=matter.subject, reason=str(error))
        return kept

    async def _kept(self, matter: Matter, said: Published, update: dict[str, object]) -> Published:
        now = said.model_copy(update=update)
        await self.ledger.keep_published(matter.place, matter.subject, now)
        return now


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
