"""Shows people that their commands were seen, and what came of them: reactions to their comments.

A reaction that is shown twice is one, so nothing has to be remembered between asking and keeping that it was done.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from workflows.github.forge import ForgeAway, ForgeBusy, ForgeError, Says
from workflows.github.publish.board import Nods
from workflows.github.values import Nod
from workflows.service.ports import StoreDown

LOOK_S = 1.0
MOST_ATTEMPTS = 6
_FIRST_S = 5.0
_log = structlog.get_logger("patchwright.publish")


class Nodding:
    """One of these in each publisher."""

    def __init__(self, forge: Says, nods: Nods) -> None:
        self.stopping = asyncio.Event()
        self._forge = forge
        self._nods = nods

    async def run(self) -> None:
        """Until `stopping` is set."""
        while not self.stopping.is_set():
            try:
                await self.look()
            except StoreDown as error:
                _log.warning("the database is away", reason=str(error))
            except Exception:  # noqa: BLE001 - comments matter more
                _log.exception("no reactions")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self.stopping.wait()

    async def look(self) -> int:
        """One round: how many were shown. Raises StoreDown."""
        shown = 0
        for nod in await self._nods.nods():
            if self.stopping.is_set():
                break
            shown += await self._one(nod)
        return shown

    async def _one(self, nod: Nod) -> bool:
        try:
            await self._forge.react(nod.place, nod.comment, nod.reaction)
        except ForgeBusy as error:
            await self._nods.nod_later(nod, error.after_s)
        except ForgeAway:
            if nod.attempts + 1 >= MOST_ATTEMPTS:
                await self._nods.nodded(nod)
            else:
                await self._nods.nod_later(nod, _FIRST_S * 2**nod.attempts)
        except ForgeError as error:  # deleted, locked, or the App may not: it is no news for anybody
            _log.info("no reaction", repository=nod.place.id, comment=nod.comment, reason=str(error))
            await self._nods.nodded(nod)
        else:
            await self._nods.nodded(nod)
            return True
        return False
