"""What a failure says of code that ran at import, once and before every test, so that no spectrum tells it apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from tools.localize.outline import Outline
from tools.localize.texts import MAX_CRASHES, MAX_HOMES, homes
from tools.values import Crash, Signal

TEXT, MODULE_NAMED, READ = 0.9, 0.5, 0.3
MAX_READ = 20_000
_NO_ATTRIBUTE = re.compile(r"module '([\w.]+)' has no attribute '\w+'")
_NO_NAME = re.compile(r"cannot import name '\w+' from (?:partially initialized module )?'([\w.]+)'")
_NAME = re.compile(r"[A-Za-z_]\w{2,}")


class Place(NamedTuple):
    """A line of a module's or class's body; share: how much of its function-level score the line itself has."""

    file: str
    line: int
    signal: Signal
    share: float


def suspected(outlines: Mapping[str, Outline], sources: Mapping[str, str], crashes: Sequence[Crash]) -> Iterator[Place]:
    """Tables with the word in which compared texts differ, modules that lack a name, values that the test reads."""
    seen = crashes[:MAX_CRASHES]
    yield from _texts(outlines, sources, seen)
    yield from _modules(outlines, seen)
    yield from _read(outlines, seen)


def _texts(outlines: Mapping[str, Outline], sources: Mapping[str, str], crashes: Sequence[Crash]) -> Iterator[Place]:
    for file, line, word, count in homes(sources, crashes):
        if file in outlines:
            detail = f"line {line} holds `{word}`, in which the compared texts differ"
            yield Place(file, line, Signal(name="text", weight=TEXT / count, detail=detail), 1 / count)


def _modules(outlines: Mapping[str, Outline], crashes: Sequence[Crash]) -> Iterator[Place]:
    """The imports of a module (else its first statement) that has not got what is asked of it."""
    said = [crash.message[:2000] for crash in crashes]
    for name in dict.fromkeys(
        n for text in said for pattern in (_NO_ATTRIBUTE, _NO_NAME) for n in pattern.findall(text)
    ):
        file = _file_of(name, outlines)
        if file:
            shape = outlines[file]
            lines = [b.line for b in shape.bindings if b.imports] or [s.line for s in shape.statements[:1]]
            signal = Signal(name="message", weight=MODULE_NAMED, detail=f"the message says what module `{name}` lacks")
            yield from (Place(file, line, signal, 0.9) for line in lines)


def _file_of(module: str, outlines: Mapping[str, Outline]) -> str:
    """The file whose path ends like the module's name and has least before it, "" for none."""
    parts = tuple(module.split("."))
    found = [file for file in outlines if _parts(file)[-len(parts) :] == parts]
    return min(found, key=lambda file: (len(_parts(file)), len(file)), default="")


def _parts(file: str) -> tuple[str, ...]:
    parts = PurePosixPath(file).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def _read(outlines: Mapping[str, Outline], crashes: Sequence[Crash]) -> Iterator[Place]:
    """Values of modules and classes whose name stands in the failing test, when few places bind it."""
    words = {word for crash in crashes for word in _NAME.findall(crash.text[:MAX_READ])}
    found: dict[str, list[tuple[str, int]]] = {}
    for file, shape in outlines.items():
        for binding in shape.bindings:
            if binding.name in words:
                found.setdefault(binding.name, []).append((file, binding.line))
    for name, places in found.items():
        if len(places) <= MAX_HOMES:
            weight = READ / len(places)
            signal = Signal(name="text", weight=weight, detail=f"the failing test reads `{name}`, which is set here")
            yield from (Place(file, line, signal, weight) for file, line in places)
