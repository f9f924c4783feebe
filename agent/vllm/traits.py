"""What is known of one endpoint: found by probing once, remembered between runs."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from tools.values import Value

Style = Literal["native", "json", "text"]
Prefill = Literal["closed", "open", "none"]
KEEP_S = 7 * 86_400.0
DEFAULT_WINDOW = 32_768


class Traits(Value):
    """style: how it is asked for calls; inline: thinking comes within the content; extras: it takes
    sampling fields beyond OpenAI's; budget: it caps thinking itself;
    prefill: whether it goes on with an answer after thinking that was closed for it; "open": only with thinking that it
    then closes itself, as templates want it that drop closed thinking; window: tokens of prompt and reply together;
    server: its version as far as it tells.
    """

    style: Style = "native"
    inline: bool = False
    extras: bool = True
    budget: bool = True
    prefill: Prefill = "closed"
    window: int = DEFAULT_WINDOW
    server: str = ""


class Memory:
    """Traits by endpoint and model, in files under `folder`; None remembers nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def recall(self, url: str, model: str) -> Traits | None:
        """What was found within the last week, if anything."""
        path = self._path(url, model)
        if path is None:
            return None
        try:
            kept = json.loads(path.read_text(encoding="ascii"))
            fresh = 0 <= time.time() - float(kept["at"]) < KEEP_S
            return Traits.model_validate(kept["traits"]) if fresh else None
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            return None

    def keep(self, url: str, model: str, traits: Traits) -> None:
        """Remember; a cache directory that cannot be written only costs another probing."""
        path = self._path(url, model)
        if path is None:
            return
        row = json.dumps({"at": time.time(), "traits": traits.model_dump(mode="json")})
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(row, encoding="ascii")
            part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink()

    def _path(self, url: str, model: str) -> Path | None:
        name = hashlib.sha256(f"{url}\0{model}".encode()).hexdigest()[:24]
        return self._folder / f"{name}.json" if self._folder else None
