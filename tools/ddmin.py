"""Delta debugging: a smallest part of a set that still has a property (Zeller and Hildebrandt, TSE 2002)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def ddmin(parts: Sequence[T], holds: Callable[[tuple[T, ...]], Awaitable[bool]]) -> tuple[T, ...]:
    """A 1-minimal subset of `parts`, in their order, for which `holds` is true; it must be true of all of them."""
    kept, pieces = tuple(parts), 2
    while len(kept) >= 2:
        size = -(-len(kept) // pieces)
        chunks = [kept[i : i + size] for i in range(0, len(kept), size)]
        for index in range(len(chunks)):
            rest = tuple(part for i, chunk in enumerate(chunks) if i != index for part in chunk)
            if rest and await holds(rest):
                kept, pieces = rest, max(2, pieces - 1)
                break
        else:
            if pieces >= len(kept):
                break
            pieces = min(len(kept), pieces * 2)
    return kept
