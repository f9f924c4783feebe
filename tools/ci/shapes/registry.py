"""All shapes, and which of those found in a text is what failed."""

from __future__ import annotations

from tools.ci.shapes.javascript import JAVASCRIPT
from tools.ci.shapes.linters import LINTERS
from tools.ci.shapes.managed import MANAGED
from tools.ci.shapes.native import NATIVE
from tools.ci.shapes.packages import PACKAGES
from tools.ci.shapes.python import PYTHON
from tools.ci.shapes.shape import Match, Shape, find

ALL: tuple[Shape, ...] = (*PYTHON, *JAVASCRIPT, *NATIVE, *MANAGED, *LINTERS, *PACKAGES)


def what_failed(text: str) -> Match | None:
    """The shape that ended a text: tools before what runs them, then the one whose verdict is the last.

    A program can print what another tool prints when it fails; the tool that ran it has its say after that.
    """
    matches = [match for shape in ALL if (match := find(shape, text))]
    return max(matches, key=lambda match: (-max(0, match.shape.rank), match.place, -match.shape.rank), default=None)
