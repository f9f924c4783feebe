"""Triage where records are missing or mislead: commits without deploys, merges, messages near a change, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_triage import BEGAN, at, git
from tests.unit.test_triage_grounds import looked_into, repository
from tools.history import History
from tools.oplogs.opening import opened
from tools.triage.changed import kind_of
from tools.triage.hints import hints_of
from tools.triage.investigate import Incident, triage
from tools.triage.onset import stretch
from tools.triage.reading import Log, onsets
from tools.triage.values import Note

WORK = [f"{at(second)} INFO web: served page {second}" for second in range(0, 3600, 5)]


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("bank answered HTTP 429", "quota"), ("Too Many Requests", "quota"), ("bank answered HTTP 401", "credential"),
        ("API key has expired", "credential"), ("sqlite3.OperationalError: database is locked", "lock"),
        ("no such column: held_until", "schema"), ('column "a" of relation "b" does not exist', "schema"),
        ("UnicodeEncodeError: 'ascii' codec can't encode", "encoding"),
    ],
)  # fmt: skip
def test_words_of_refusals_locks_and_schemas(error: str, hint: str) -> None:
    """Named; a status of something else is none."""
    assert hint in hints_of(error)
    assert not hints_of("sent 429 letters to row 401, all answered")


def test_environment_files_are_configuration() -> None:
    """Of each stage; a module of that name is code."""
    assert {kind_of([name]) for name in (".env", ".env.production", "web/.env.local")} == {"config"}
    assert kind_of(["web/env.py"]) == "code"


async def from_commits(tmp_path: Path, lines: list[str]) -> Note:
    """The triage of a log and tmp_path/repo, without records and tags."""
    log = tmp_path / "web.log"
    log.write_text("\n".join(sorted(lines)) + "\n")
    index = opened([log], cache=tmp_path / "cache")
    try:
        return await triage(Incident({"web": Log("web", index)}, None, History(tmp_path / "repo/.git")))
    finally:
        index.close()


async def test_commits_count_by_their_dates_without_deploys(tmp_path: Path) -> None:
    """The one that wrote what failed, and nothing says that it went live then; later ones are ruled out."""
    repository(tmp_path / "repo", {"app.py": "def a():\n    pass\n"})
    for second, text in ((1800, "def a():\n    return None.x\n"), (3000, "def a():\n    return None.x\n# later\n")):
        (tmp_path / "repo/app.py").write_text(text)
        git(tmp_path / "repo", "commit", "-q", "-a", "-m", f"at {second}", second=second)
    bad = [
        f'{at(second)} ERROR web: failed\nTraceback (most recent call last):\n  File "/srv/app.py", line 2, in a\n'
        "    return None.x\nAttributeError: 'NoneType' object has no attribute 'x'"
        for second in range(1861, 3600, 20)
    ]
    note = await from_commits(tmp_path, [*WORK, *bad])
    assert (note.cause, note.suspects[0].subject, note.suspects[0].live) == ("change", "at 1800", False)
    assert "committed at" in " ".join(each.text for each in note.summary)
    assert not any("went live" in point.detail for each in note.suspects for point in each.points)
    assert "at 3000" not in [each.subject for each in note.suspects]


async def test_a_merge_is_no_suspect_beside_what_it_merges(tmp_path: Path) -> None:
    """But one with a resolution of its own is."""
    first, *_ = repository(tmp_path / "repo", {"app.py": "x = 1\n"})
    repo = tmp_path / "repo"
    for branch in ("plain", "own"):
        git(repo, "checkout", "-q", "-b", branch)
        (repo / f"{branch}.py").write_text(f"{branch} = failing\n")
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", f"add {branch}", second=10)
        git(repo, "checkout", "-q", "main")
        git(repo, "merge", "-q", "--no-ff", "--no-commit", branch)
        if branch == "own":
            (repo / "resolved.py").write_text("resolved = failing\n")
            git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", f"merge {branch}", second=11)
    bad = [f"{at(second)} ERROR web: failing" for second in range(1861, 3600, 20)]
    deploy = {"time": at(1800), "service": "web", "revision": git(repo, "rev-parse", "main"), "previous": first}
    note = await looked_into(tmp_path, {"web": [*WORK, *bad]}, [deploy])
    assert {each.subject for each in note.suspects} == {"add plain", "add own", "merge own"}


async def test_a_change_beside_the_line_that_writes_an_error_is_not_blamed_for_it(tmp_path: Path) -> None:
    """Where a message is written nothing has failed; that another message there changed says nothing."""
    before = {
        "app.py": "def sell(hold):\n    if over(hold):\n        log.warn('hold has expired before it was paid')\n"
        "    log.warn('printer is low')\n",
        "holds.py": "def over(hold):\n    return hold.until < now()\n",
    }
    first, _, last = repository(
        tmp_path / "repo",
        before,
        {"holds.py": before["holds.py"].replace("until", "until * 0.001")},
        {"app.py": before["app.py"].replace("is low", "is low again")},
    )
    bad = [f"{at(second)} ERROR web: hold has expired before it was paid" for second in range(1861, 3600, 20)]
    deploy = {"time": at(1800), "service": "web", "revision": last, "previous": first}
    note = await looked_into(tmp_path, {"web": [*WORK, *bad]}, [deploy])
    assert note.suspects[0].subject == "change 1" or note.confidence < 0.5
    assert not any("frame" in point.detail for each in note.suspects for point in each.points)


def test_the_onset_is_the_first_line_where_a_pause_divides_them(tmp_path: Path) -> None:
    """A few lines, a pause in the traffic, many lines: it began with the first, however dense the rest is."""
    bad = [f"{at(second)} ERROR web: broken" for second in (*range(1800, 1850, 10), *range(2300, 3600, 10))]
    log = tmp_path / "web.log"
    log.write_text("\n".join(sorted([*WORK, *bad])) + "\n")
    index = opened([log], cache=tmp_path / "cache")
    try:
        found = onsets({"web": Log("web", index)}, None)
    finally:
        index.close()
    assert found["web"].start == BEGAN + 1800
    assert stretch([*range(1800, 1850, 10), *range(2300, 3600, 10)], 0, 3600) is not None


async def test_without_any_change_nothing_is_said_to_fit_or_not(tmp_path: Path) -> None:
    """No deploy is known from before the onset: that decides."""
    bad = [f"{at(second)} ERROR web: broken" for second in range(1861, 3600, 20)]
    note = await looked_into(tmp_path, {"web": [*WORK, *bad]}, [])
    assert (note.cause, note.suspects) == ("inconclusive", ())
    assert "no deploy or commit is known" in note.decide[0].text
