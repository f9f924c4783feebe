"""An exception as data: class, message, frames of the traceback itself, text. Everything is bounded; nothing raises."""

from __future__ import annotations

import os
import traceback
from types import FrameType, TracebackType
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import _pytest
import pluggy

from .places import Places

Frame = Tuple[str, int, str, bool]
Described = Dict[str, Any]

MESSAGE, TEXT = 4_000, 20_000
HEAD, TAIL = 40, 120
CAUSES = 5
_HARNESS = tuple(os.path.dirname(os.path.abspath(str(module.__file__))) + os.sep for module in (_pytest, pluggy))
_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def clip(text: str, limit: int) -> str:
    """Head and tail of a text that is too long."""
    if len(text) <= limit:
        return text
    head = limit * 3 // 5
    return f"{text[:head]}\n[... {len(text) - limit} characters dropped ...]\n{text[head - limit :]}"


def describe(error: BaseException, places: Places, text: Callable[[], str]) -> Described:
    """The crash of one test. Frames of causes inside the workspace come first, the innermost frame of `error` last.

    `text`: makes the long text; it runs code of the repository (`__repr__`, `__str__`), so it may raise anything.
    """
    shown, note = _leaf(error)
    causes = list(_causes(shown))
    frames = [frame for cause in reversed(causes) for frame in _frames(cause, places) if frame[3]][-TAIL:]
    frames += _group_frames(error, shown, places)
    message = note + _say(shown)
    for cause in causes:
        message += f"\ncaused by {_name(cause)}: {clip(_say(cause), 500)}"
    return {
        "kind": _name(shown),
        "message": clip(message, MESSAGE),
        "frames": shorten(frames),
        "text": clip(_attempt(text), TEXT),
    }


def stack(frame: Optional[FrameType], places: Places) -> List[Frame]:
    """The frames of a running stack, innermost last."""
    found: List[Frame] = []
    while frame is not None and len(found) < 2_000:
        found.append(_frame(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, places))
        frame = frame.f_back
    return shorten(_without_harness(found[::-1]))


def shorten(frames: List[Frame]) -> List[Frame]:
    """Head and tail of a deep stack."""
    return frames if len(frames) <= HEAD + TAIL else frames[:HEAD] + frames[-TAIL:]


def _leaf(error: BaseException) -> Tuple[BaseException, str]:
    """The first exception of nested groups, and a note of what it was found in; others are returned as they are."""
    note = ""
    for _ in range(10):
        inner = getattr(error, "exceptions", None)
        if not isinstance(inner, tuple) or not inner or not isinstance(inner[0], BaseException):
            break
        note += f"{_name(error)} of {len(inner)}: "
        error = inner[0]
    return error, note


def _group_frames(error: BaseException, leaf: BaseException, places: Places) -> List[Frame]:
    outer = _frames(error, places)
    return outer if leaf is error else outer + _frames(leaf, places)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What led to the error, nearest first, as Python would print it."""
    seen = {id(error)}
    for _ in range(CAUSES):
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is None or id(cause) in seen:
            return
        seen.add(id(cause))
        yield cause
        error = cause


def _frames(error: BaseException, places: Places) -> List[Frame]:
    found = [
        _frame(frame.f_code.co_filename, line, frame.f_code.co_name, places)
        for frame, line in _walk(error.__traceback__)
    ]
    frames = _without_harness(found)
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        frames.append(_frame(str(error.filename), int(error.lineno), "", places))
    return frames


def _walk(tb: Optional[TracebackType]) -> Iterator[Tuple[FrameType, int]]:
    while tb is not None:
        yield tb.tb_frame, tb.tb_lineno
        tb = tb.tb_next


def _frame(filename: str, line: Optional[int], function: str, places: Places) -> Frame:
    name, inside = places.of(filename)
    return name[-1_000:], line or 1, function[:200], inside


def _without_harness(frames: List[Frame]) -> List[Frame]:
    """The frames from the first that is not the test runner's on; none of the probe's own."""
    first = next((i for i, frame in enumerate(frames) if not frame[0].startswith((*_HARNESS, _HERE))), len(frames))
    kept = [frame for frame in frames[first:] if not frame[0].startswith(_HERE)]
    return kept or frames[-1:]


def _name(error: BaseException) -> str:
    return str(getattr(type(error), "__name__", "Exception"))[:200]


def _say(error: BaseException) -> str:
    return _attempt(lambda: str(error))


def _attempt(make: Callable[[], str]) -> str:
    try:
        text = make()
        return text if type(text) is str else ""
    except BaseException as failure:
        return f"<not printable: {_name(failure)}>"


def of_import(error: BaseException, places: Places) -> Described:
    """The crash of a conftest or a module that could not be imported: what it raised, not pytest's wrapper of it."""
    inner = getattr(error, "cause", None) or error.__cause__ or _old_style(error)
    real = inner if isinstance(inner, BaseException) else error
    return describe(real, places, lambda: "".join(traceback.format_exception(type(real), real, real.__traceback__)))


def _old_style(error: BaseException) -> Optional[BaseException]:
    """ConftestImportFailure up to pytest 8.0 keeps an exc_info triple."""
    info = getattr(error, "excinfo", None)
    return info[1] if isinstance(info, tuple) and len(info) == 3 else None
