"""What grounds a suspect: traces within fields, what failed in a line, who writes a message, means; traffic."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.unit.test_triage import BEGAN, at, git
from tools.history import History
from tools.oplogs.opening import opened
from tools.oplogs.traces import read_fields, within
from tools.triage.deploys import read_deploys
from tools.triage.frames import marked
from tools.triage.hints import hints_of, means_of
from tools.triage.investigate import Incident, triage
from tools.triage.reading import Log
from tools.triage.topology import Topology
from tools.triage.values import Note

TRACE = """Traceback (most recent call last):
  File "/srv/app.py", line 2, in price
    return table[zone].cents
           ~~~~~^^^^^^
KeyError: 'D'"""


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"level": "error", "stack": TRACE}),
        json.dumps({"level": "error", "error": {"stack_trace": TRACE + "\n"}}),
        f"level=error msg=failed stack={json.dumps(TRACE)}",
        json.dumps({"msg": "x", "stack": "TypeError: no\n    at add (/srv/cart.js:4:1)\n    at run (/srv/a.js:9:2)"}),
    ],
    ids=["json", "nested", "logfmt", "javascript"],
)
def test_a_trace_within_a_field_is_read(tmp_path: Path, line: str) -> None:
    """Its newlines escaped; in whatever field it stands. It has the time of its line."""
    assert within(line.encode())
    log = tmp_path / "web.log"
    log.write_text(f'{{"ts": "{at(0)}", "msg": "up"}}\n{line.replace("level=", f"ts={at(5)} level=", 1)}\n')
    index = opened([log], cache=tmp_path / "cache")
    try:
        (trace,) = index.traces()
    finally:
        index.close()
    assert (trace.exception, trace.line) in (("KeyError", 2), ("TypeError", 2))
    assert trace.frames


def test_a_field_with_newlines_is_no_trace() -> None:
    """Only one with frames is."""
    assert read_fields({"sql": "select 1\nfrom a", "msg": "x"}) is None
    assert not within(json.dumps({"sql": "select 1\nfrom a"}).encode())


def test_what_failed_in_a_line_is_known_where_it_is_marked() -> None:
    """By the carets of Python 3.11 and later."""
    assert marked(TRACE, "app.py", 2) == "table[zone]"
    assert not marked(TRACE, "app.py", 3)
    assert not marked(TRACE.replace("           ~~~~~^^^^^^\n", ""), "app.py", 2)


@pytest.mark.parametrize(
    ("error", "code", "hint"),
    [
        ("MemoryError", "SEEN.append(row)", "memory"), ("connection pool exhausted", "pool.give(c)", "pool"),
        ("ZeroDivisionError: division by zero", "total / (n - 1)", "arithmetic"),
        ("java.lang.NullPointerException", "users.get(name)", "null"), ("KeyError: 'D'", "GATES[zone]", "missing"),
        ("BrokenPipeError: [Errno 32] Broken pipe", "for _ in range(400):", "slow"),
        ("request timed out", "DROP INDEX readings_by_meter;", "slow"),
    ],
)  # fmt: skip
def test_means(error: str, code: str, hint: str) -> None:
    """What code can bring about an error, and what cannot."""
    assert hint in hints_of(error)
    assert hint in means_of(code)
    assert not means_of("# only words\nNAME = ', '.join('x')")


def repository(repo: Path, *versions: dict[str, str]) -> list[str]:
    """A commit for each version of some files; their names."""
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    for number, files in enumerate(versions):
        for name, text in files.items():
            (repo / name).parent.mkdir(exist_ok=True)
            (repo / name).write_text(text)
        git(repo, "add", "-A", second=number)
        git(repo, "commit", "-q", "-m", f"change {number}", second=number)
    return git(repo, "rev-list", "--reverse", "HEAD").split()


async def looked_into(tmp_path: Path, logs: dict[str, list[str]], deploys: list[dict[str, str]]) -> Note:
    """The triage of these logs, deploys and tmp_path/repo."""
    opened_logs = {}
    tmp_path.mkdir(exist_ok=True)
    for name, lines in logs.items():
        (tmp_path / f"{name}.log").write_text("\n".join(sorted(lines)) + "\n")
        opened_logs[name] = Log(name, opened([tmp_path / f"{name}.log"], cache=tmp_path / "cache"))
    calls = Topology(calls={"web": ("stock",), "stock": ()})
    repo = tmp_path / "repo"
    history = History(repo / ".git") if repo.exists() else None
    try:
        return await triage(
            Incident(opened_logs, read_deploys(json.dumps(deploys)), history, repo if history else None, calls)
        )
    finally:
        for log in opened_logs.values():
            log.index.close()


async def test_the_setting_beside_a_message_is_suspect(tmp_path: Path) -> None:
    """The code that writes the new error reads the setting that was changed; the deploy's other change is not it."""
    code = (
        'def load(weight):\n    if weight > LIMITS["heaviest"]:\n        LOG.error("no van takes %d grams", weight)\n'
    )
    names = repository(
        tmp_path / "repo", {"app.py": code, "config/a.json": '{"heaviest": 30000}\n', "vans.py": "VANS = 1\n"},
        {"vans.py": "VANS = 2\n"}, {"config/a.json": '{"heaviest": 300}\n'},
    )  # fmt: skip
    rows = [f"{at(second)} INFO loaded" for second in range(0, 3600, 5)]
    rows += [f"{at(second)} ERROR no van takes {second} grams" for second in range(2400, 3600, 7)]
    deploy = {"time": at(2390), "service": "web", "revision": names[2], "previous": names[0]}
    note = await looked_into(tmp_path, {"web": rows}, [deploy])
    assert note.suspects[0].commit == names[2]
    assert "is written at app.py:3" in " ".join(each.summary for each in note.evidence)


async def test_what_failed_before_the_change_too_is_not_its_fault(tmp_path: Path) -> None:
    """A change that only adds to the line of the frame stands behind the one that made the value missing."""
    first = {
        "app.py": "def hello(user):\n    return user['name']\n",
        "users.py": "def user(k):\n    return U.get(k, {})\n",
    }
    names = repository(
        tmp_path / "repo", first, {"users.py": "def user(k):\n    return U.get(k)\n"},
        {"app.py": "def hello(user):\n    return user['name'].strip()\n"},
    )  # fmt: skip
    trace = "\n  File \"/opt/app.py\", line 2, in hello\n    return user['name'].strip()\n           ~~~~^^^^^^^^\n"
    stack = f"Traceback (most recent call last):{trace}TypeError: 'NoneType' object is not subscriptable"
    rows = [json.dumps({"ts": at(second), "level": "info", "msg": "served"}) for second in range(0, 3600, 5)]
    rows += [
        json.dumps({"ts": at(second), "level": "error", "msg": "no page", "stack": stack})
        for second in range(2400, 3600, 9)
    ]  # fmt: skip
    deploy = {"time": at(2390), "service": "web", "revision": names[2], "previous": names[0]}
    note = await looked_into(tmp_path, {"web": rows}, [deploy])
    assert "but not what failed in it" in note.to_json()
    assert note.confidence < 0.5
    assert {each.commit for each in note.suspects[:2]} == set(names[1:])


async def test_callers_that_hang_up_are_suspect(tmp_path: Path) -> None:
    """Where a service says no more than that its callers went away, a change of the caller's patience may be it."""
    names = repository(
        tmp_path / "repo", {"web.py": "x = 1\n", "config/web.json": '{"timeout": 3.0}\n'},
        {"config/web.json": '{"timeout": 0.003}\n'},
    )  # fmt: skip
    served = [f"{at(second)} INFO served" for second in range(0, 3600, 5)]
    stock = [*served, *(f"{at(s)} ERROR BrokenPipeError: [Errno 32] Broken pipe" for s in range(2400, 3600, 9))]
    web = [*served, *(f"{at(s)} ERROR stock timed out" for s in range(2401, 3600, 9))]
    deploy = {"time": at(2380), "service": "web", "revision": names[1], "previous": names[0]}
    note = await looked_into(tmp_path, {"stock": stock, "web": web}, [deploy])
    assert (note.cause, note.suspects[0].commit) == ("config", names[1])


async def test_more_customers_alone_are_no_onset(tmp_path: Path) -> None:
    """Six times the work with six times the errors is a busy day; with thirty times the errors it is none."""
    chosen = random.Random(5)  # noqa: S311
    rows = [f"{at(s)} INFO served {n}" for s in range(3600) for n in range(6 if s >= 2400 else 1)]
    rows += [f"{at(s)} ERROR card declined" for s in range(3600) if chosen.random() < (0.12 if s >= 2400 else 0.02)]
    busy = await looked_into(tmp_path, {"web": rows}, [{"time": at(2000), "service": "web"}])
    assert (busy.cause, busy.onset) == ("healthy", -1)
    rows += [f"{at(s)} ERROR card declined" for s in range(2400, 3600) if chosen.random() < 0.5]
    broken = await looked_into(tmp_path, {"web": rows}, [])
    assert abs(broken.onset - (BEGAN + 2400)) < 30


async def test_few_errors_where_no_work_is_done_any_more(tmp_path: Path) -> None:
    """Seven in three minutes, after which nothing succeeds, are an onset; usual ones at an idle end are not."""
    work = [f"{at(4 * number)} INFO reminder {number} sent" for number in range(90)]
    stuck = [f"{at(370 + 30 * number)} ERROR gateway did not answer" for number in range(7)]
    note = await looked_into(tmp_path / "stuck", {"web": [*work, *stuck]}, [])
    assert (note.cause != "healthy", note.onset) == (True, BEGAN + 370)
    usual = [f"{at(30 * number)} ERROR card could not be read" for number in range(19)]
    assert (await looked_into(tmp_path / "idle", {"web": [*work, *usual]}, [])).cause == "healthy"
