"""Inputs near a recorded one: each differs from it in one place, by a small step or an edge of its type."""

import random
from typing import Any, Callable, List, Tuple

Call = Tuple[Any, ...]
_MOST_PLACES = 6


def variants(arguments: Call, first: int, rng: random.Random, most: int) -> List[Call]:
    """Up to `most` copies of the arguments with one of them, from position `first` on, changed."""
    found = [
        (*arguments[:position], other, *arguments[position + 1 :])
        for position in range(first, len(arguments))
        for other in _others(arguments[position], rng)
    ]
    rng.shuffle(found)
    return found[:most]


def _others(value: Any, rng: random.Random) -> List[Any]:
    for kinds, change in _CHANGES:
        if type(value) in kinds:
            return change(value, rng)
    return []


def _of_bool(value: bool, _: random.Random) -> List[Any]:
    return [not value]


def _of_int(value: int, _: random.Random) -> List[Any]:
    return [other for other in (value + 1, value - 1, 0, -value, value * 2) if other != value]


def _of_float(value: float, _: random.Random) -> List[Any]:
    return [other for other in (value + 0.5, value - 1.0, 0.0, -value) if other != value]


def _of_text(value: Any, rng: random.Random) -> List[Any]:
    others = [value[:0], value[:-1], value[1:], value + value[-1:], value.swapcase(), value[::-1]]
    if len(value) > 1:
        cut = rng.randrange(len(value))
        others.append(value[:cut] + value[cut + 1 :])
    return [other for other in others if other != value]


def _of_sequence(value: Any, rng: random.Random) -> List[Any]:
    others = [value[:0], value[:-1], value[1:], value[::-1], value + value[:1]]
    places = rng.sample(range(len(value)), min(len(value), _MOST_PLACES))
    for place in places:
        inner = _others(value[place], rng)
        if inner:
            changed = list(value)
            changed[place] = rng.choice(inner)
            others.append(type(value)(changed))
    return [other for other in others if len(other) != len(value) or other is not value]


def _of_dict(value: Any, rng: random.Random) -> List[Any]:
    others: List[Any] = [{}] if value else []
    for key in list(value)[:_MOST_PLACES]:
        others.append({k: v for k, v in value.items() if k != key})
        inner = _others(value[key], rng)
        if inner:
            others.append({**value, key: rng.choice(inner)})
    return others


def _of_set(value: Any, _: random.Random) -> List[Any]:
    others = [type(value)()] if value else []
    return others + [value - {each} for each in sorted(value, key=repr)[:_MOST_PLACES]]


_CHANGES: Tuple[Tuple[Tuple[type, ...], Callable[[Any, random.Random], List[Any]]], ...] = (
    ((bool,), _of_bool),
    ((int,), _of_int),
    ((float,), _of_float),
    ((str, bytes), _of_text),
    ((list, tuple), _of_sequence),
    ((dict,), _of_dict),
    ((set, frozenset), _of_set),
)
