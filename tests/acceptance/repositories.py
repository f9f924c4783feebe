"""Small repositories that the acceptance tests diagnose: written file by file, with a history made by git itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

Files = Mapping[str, str | bytes]

PRICES = '''\
"""Prices in cents."""


def subtotal(lines):
    """The sum of price times quantity over pairs of both."""
    amount = 0
    for price, quantity in lines:
        amount += price * quantity
    return amount


def discounted(amount, percent):
    """The amount less a discount in percent, rounded in favour of the shop."""
    if percent < 0 or percent > 100:
        raise ValueError(f"not a percentage: {percent}")
    return amount - amount * percent // 100


def cheapest(prices):
    """The lowest price, or None when there is none."""
    best = None
    for price in prices:
        if best is None or price < best:
            best = price
    return best
'''
WRONG_CHEAPEST = PRICES.replace("price < best", "price > best")
WRONG_BOTH = WRONG_CHEAPEST.replace("amount - amount *", "amount + amount *")

TEST_PRICES = """\
import pytest

from shop.prices import cheapest, discounted, subtotal


def test_subtotal():
    assert subtotal([(250, 2), (100, 1)]) == 600


def test_subtotal_of_nothing():
    assert subtotal([]) == 0


def test_discounted():
    assert discounted(1000, 10) == 900
    assert discounted(999, 50) == 500


def test_discount_out_of_range():
    with pytest.raises(ValueError):
        discounted(1000, 101)


def test_cheapest_of_none():
    assert cheapest([]) is None


def test_cheapest_of_one():
    assert cheapest([700]) == 700


def test_cheapest_of_many():
    assert cheapest([300, 100, 200]) == 100
    assert cheapest([100, 200, 50]) == 50
"""
FAILING = "tests/test_prices.py::test_cheapest_of_many"
SHOP: Files = {"shop/__init__.py": "", "shop/prices.py": WRONG_CHEAPEST, "tests/test_prices.py": TEST_PRICES}
RIGHT_SHOP: Files = {**SHOP, "shop/prices.py": PRICES}

_ENVIRONMENT = {
    **{name: os.environ[name] for name in ("PATH",) if name in os.environ},
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "HOME": "/nonexistent",
}


def git(root: Path, *arguments: str) -> str:
    """What git prints."""
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], env=_ENVIRONMENT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def write(root: Path, files: Files) -> Path:
    """Write files below `root`, which is returned."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def commit(root: Path, files: Files, message: str) -> str:
    """Write files and commit everything; the commit's id."""
    write(root, files)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)
    return git(root, "rev-parse", "HEAD")


def repository(root: Path, files: Files = SHOP) -> Path:
    """A git repository of one commit."""
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    commit(root, files, "Start the shop")
    return root
