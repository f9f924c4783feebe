"""A good revision: the culprit commit is named, through commits that cannot be run; and what a bad one gets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import PRICES, RIGHT_SHOP, WRONG_CHEAPEST, commit, git, repository
from tests.fakes.model_server import MODEL, Answer, ModelServer, call, said

COMMITS = 40
CULPRIT = 23
BROKEN = {7, 20, 21, 24, 30}


def history(root: Path) -> tuple[Path, str]:
    """A repository whose commit 23 of 40 breaks `cheapest`, and five of which do not compile; the culprit's id."""
    repo = repository(root, RIGHT_SHOP)
    culprit = ""
    for number in range(1, COMMITS + 1):
        prices = WRONG_CHEAPEST if number >= CULPRIT else PRICES
        files = {
            "shop/prices.py": f"{prices}\n\nVERSION = {number}\n",
            "shop/__init__.py": "def broken(:\n" if number in BROKEN else f"VERSION = {number}\n",
        }
        made = commit(repo, files, f"Change number {number}")
        culprit = made if number == CULPRIT else culprit
    return repo, culprit


@pytest.mark.xdist_group("bisect")
def test_the_culprit_is_found_among_forty_commits(patchwright: Patchwright, tmp_path: Path) -> None:
    """Commits that do not import are skipped; the report names commit, author, date and diff."""
    repo, culprit = history(tmp_path / "shop")
    first = git(repo, "rev-list", "--max-parents=0", "HEAD")
    ended = patchwright.diagnose(repo, "--good", first)
    assert ended.outcome == "verified_patch", ended.text
    found = ended.report["culprit"]
    assert found is not None, ended.report["evidence"]
    assert found["commit"] == culprit
    assert found["subject"] == f"Change number {CULPRIT}"
    assert "Ada" in found["author"]
    assert found["tested"] <= 12
    assert culprit[:12] in ended.out


@pytest.mark.xdist_group("bisect")
def test_a_good_revision_that_fails_too_is_said(patchwright: Patchwright, tmp_path: Path) -> None:
    """The failure is older than the user thinks: already failing, or mended with that as evidence."""
    repo = repository(tmp_path / "shop")
    first = git(repo, "rev-parse", "HEAD")
    commit(repo, {"shop/more.py": "MORE = 1\n"}, "Add more")
    ended = patchwright.diagnose(repo, "--good", first)
    report = ended.report
    assert ended.outcome in ("already_failing", "verified_patch"), ended.text
    assert report["culprit"] is None
    words = " ".join([report["reason"], *(seen["summary"] for seen in report["evidence"])])
    assert "fails at" in words or "already" in words or "too" in words, words


REWRITTEN = PRICES.replace(
    """\
    amount = 0
    for price, quantity in lines:
        amount += price * quantity
    return amount
""",
    """\
    counted = {}
    for price, quantity in lines:
        counted[price] = quantity
    return sum(price * counted[price] for price in sorted(counted))
""",
)
ADDED = "\n\ndef dearest(prices):\n    return max(prices, default=None)\n"
TESTS = RIGHT_SHOP["tests/test_prices.py"]


@pytest.mark.xdist_group("bisect")
def test_the_hunk_that_broke_it_is_taken_back_alone(patchwright: Patchwright, tmp_path: Path) -> None:
    """A commit rewrites a function wrongly and adds another one, which stays."""
    assert isinstance(TESTS, str)
    repo = repository(tmp_path / "shop", RIGHT_SHOP)
    good = git(repo, "rev-parse", "HEAD")
    broken = f"{REWRITTEN}{ADDED}"
    twice = f"{TESTS}\n\ndef test_subtotal_of_one_price_twice():\n    assert subtotal([(5, 1), (5, 2), (7, 1)]) == 22\n"
    commit(repo, {"shop/prices.py": broken, "tests/test_prices.py": twice}, "Count by price")
    ended = patchwright.diagnose(repo, "--good", good)
    assert ended.outcome == "verified_patch", ended.text
    assert "dearest" not in ended.report["patch"]
    assert "+        amount += price * quantity" in ended.report["patch"]


@pytest.mark.xdist_group("bisect")
def test_model_bisects_for_itself(patchwright: Patchwright, tmp_path: Path) -> None:
    """Nobody gave a good revision: it takes one from the log, and is told the culprit with its diff."""
    repo, _ = history(tmp_path / "shop")
    seen: list[str] = []

    def bisecting(body: Mapping[str, Any]) -> Answer:
        rows = str(body["messages"][-1]["content"]).splitlines()
        return call("history", what="bisect", rev=next(row for row in rows if "Change number 11" in row).split()[0])

    def told(body: Mapping[str, Any]) -> Answer:
        seen.append(str(body["messages"][-1]["content"]))
        return said("SUMMARY: nothing\nCAUSE: that commit [none]")

    with ModelServer(call("history", what="log"), bisecting, told, told, told) as server:
        model = ("--model-url", server.url, "--model", MODEL)
        patchwright.diagnose(repo, *model, candidates=1, model_samples=1)
    assert f"Change number {CULPRIT} (" in seen[0]
    assert "commits tested" in seen[0]
    assert "+" in seen[0]
