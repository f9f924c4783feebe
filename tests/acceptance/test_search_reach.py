"""Repairs that no line of a traceback and no spectrum leads to, from the command: at import, and at several places."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import Files, repository

pytestmark = pytest.mark.xdist_group("diagnose")

EXPORTED: Files = {
    "shop/__init__.py": "from .cart import total\n",
    "shop/cart.py": "def total(prices):\n    return sum(prices)\n",
    "shop/about.py": 'TITLE = "shop"\nAUTHOR = "Ann"\nSECRET = 1\n',
    "tests/test_shop.py": (
        "import shop\n\n\ndef test_about():\n    assert shop.TITLE\n    assert shop.AUTHOR\n\n\n"
        "def test_total():\n    assert shop.total([1, 2]) == 3\n"
    ),
}
COPIED: Files = {
    "shop/__init__.py": "",
    "shop/span.py": (
        "class Span:\n    def __init__(self, low, high):\n        self.low, self.high = low, high\n\n"
        "    def above(self, x):\n        return self.low < x\n\n"
        "    def inside(self, x):\n        return self.low < x and x < self.high\n"
    ),
    "tests/test_span.py": (
        "from shop.span import Span\n\n\ndef test_bounds():\n    span = Span(1, 3)\n"
        "    assert span.above(1)\n    assert span.inside(1)\n\n\n"
        "def test_outside():\n    span = Span(1, 3)\n    assert not span.above(0)\n    assert not span.inside(3)\n"
        "    assert span.inside(2)\n"
    ),
}


@pytest.mark.parametrize(
    ("files", "added"),
    [
        (EXPORTED, ["from .about import TITLE, AUTHOR"]),
        (COPIED, ["        return self.low <= x", "        return self.low <= x and x < self.high"]),
    ],
    ids=["a package that does not export a name", "one mistake at two places"],
)
def test_what_one_edit_of_one_line_that_ran_does_not_mend(
    patchwright: Patchwright, tmp_path: Path, files: Files, added: list[str]
) -> None:
    """Verified, and the patch is what a person would have written."""
    ended = patchwright.diagnose(repository(tmp_path / "repo", files))
    assert ended.outcome == "verified_patch", ended.text
    lines = [line[1:] for line in ended.report["patch"].splitlines() if line[:1] == "+" and line[:3] != "+++"]
    assert lines == added
