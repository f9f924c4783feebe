"""What was submitted, in rows: encrypted where the settings have a key, as the files of the run are.

Rows that were written without a key stay readable; `patchwright artifacts reseal` encrypts them.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import cached_property

from agent.artifacts import Unsealed
from workflows.sealing import Keys, Seal, codec_of, keys
from workflows.service.ports import StoreDown
from workflows.settings import Settings

MARK = "sealed:"  # JSON begins with another character


class RequestSealed(StoreDown):
    """A row that has to be read is encrypted with a key that the settings do not name."""


@dataclass(frozen=True)
class Envelope:
    """Texts of rows to and from what the rows hold; a text is bound to its tenant, its run and its column."""

    settings: Settings

    @cached_property
    def _keys(self) -> Keys | None:
        """Not before the first row: commands that read none may be run by who cannot read the keys."""
        return keys(self.settings)

    def close(self, tenant: str, run: str, column: str, text: str) -> str:
        """What the row holds."""
        codec = codec_of(self._keys, tenant, run)
        return _written(codec, column, text) if codec else text

    def open(self, tenant: str, run: str, column: str, held: str) -> str:
        """What was given to `close`. Raises RequestSealed."""
        if not held.startswith(MARK):
            return held
        codec = codec_of(self._keys, tenant, run)
        if codec is None:
            raise RequestSealed(f"what was submitted for run {run} is encrypted, and the settings name no key")
        try:
            return codec.open(_name(column), base64.b64decode(held[len(MARK) :], validate=True)).decode()
        except (Unsealed, ValueError) as error:
            raise RequestSealed(f"what was submitted for run {run} cannot be read: {error}") from error

    def renewed(self, tenant: str, run: str, column: str, held: str | None) -> str | None:
        """What the row should hold under the present key; None: it is as it should be. Raises RequestSealed."""
        codec = codec_of(self._keys, tenant, run)
        if codec is None or held is None or _current(codec, held):
            return None
        return _written(codec, column, self.open(tenant, run, column, held))


def _written(codec: Seal, column: str, text: str) -> str:
    return MARK + base64.b64encode(codec.seal(_name(column), text.encode())).decode("ascii")


def _current(codec: Seal, held: str) -> bool:
    try:
        return held.startswith(MARK) and codec.current(base64.b64decode(held[len(MARK) :], validate=True))
    except binascii.Error:
        return False


def _name(column: str) -> str:
    """No file of a run is called so."""
    return f"row/{column}"
