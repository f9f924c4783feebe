"""Records of deploys: JSON lines, a JSON list or YAML, one object each; tags where there are none.

    {"time": "2026-11-24T16:00:00Z", "service": "orders", "revision": "9f3c2ab", "previous": "51e0d77", "note": "…"}

Only `time` is needed. Without `previous`, the service's record before it says what ran. Without `revision`, the record
is a change outside the repository (a flag, a node, a database). Flags may say `"flag": "new-checkout", "value": true`.
What tools print themselves is taken as it is: see `records.py`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

import yaml

from tools.git import git, plain
from tools.history import History
from tools.oplogs.asking import moment
from tools.tool import ToolError
from tools.triage.records import flagged, recognized
from tools.triage.values import Deploy

MOST = 2_000
MOST_COMMITTED = 30
MAX_TEXT = 8 << 20
_NAMES = {"time", "service", "revision", "previous", "note"}
_ALIASES = {"timestamp": "time", "at": "time", "commit": "revision", "sha": "revision", "app": "service"}


def read_deploys(*texts: str, zone: int = 0) -> tuple[Deploy, ...]:
    """The records of all texts, the oldest first, with what ran before each. Raises ToolError that names the record."""
    if sum(map(len, texts)) > MAX_TEXT:
        raise ToolError(f"deploys: more than {MAX_TEXT >> 20} MB")
    rows = [row for text in texts for row in _rows(text)]
    if len(rows) > MOST:
        raise ToolError(f"deploys: {len(rows)} records; at most {MOST} are read")
    found = sorted((_deploy(number, row, zone) for number, row in enumerate(rows, 1)), key=lambda each: each.time)
    return tuple(_chained(found))


def _rows(text: str) -> list[Any]:
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        if len(lines) > 1 and all(line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in lines):
            return [row for line in lines for row in _listed(json.loads(line))]
        read = json.loads(text) if text.lstrip().startswith(("{", "[")) else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise ToolError(f"deploys cannot be read: {plain(str(error), 200)}") from error
    known = recognized(read)
    if known is not None:
        return known
    if isinstance(read, dict) and "deploys" not in read:
        return [read]
    rows = read.get("deploys") if isinstance(read, dict) else read
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise ToolError("deploys: a list of records is expected (JSON lines, JSON or YAML)")
    return rows


def _listed(read: Any) -> list[Any]:
    known = recognized(read)
    return [read] if known is None else known


def _deploy(number: int, row: Any, zone: int) -> Deploy:
    if not isinstance(row, dict):
        raise ToolError(f"deploys: record {number} is no object")
    row = flagged(row) if row.get("flag") else row
    values = {_ALIASES.get(str(name), str(name)): value for name, value in row.items()}
    if values.get("time") is None:
        raise ToolError(f"deploys: record {number} has no time")
    if not all(isinstance(value, str | int | float | dt.date | None) for value in values.values()):
        raise ToolError(f"deploys: record {number}: values must be texts or numbers")
    texts = {name: plain(str(values[name]), 300) for name in _NAMES - {"time"} if values.get(name) is not None}
    return Deploy.model_validate({"time": _time(number, values["time"], zone), **texts})


def _time(number: int, value: Any, zone: int) -> int:
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.timezone(dt.timedelta(minutes=zone)))
        return int(aware.timestamp())
    try:
        return moment(str(value), zone=zone, latest=-1)
    except ToolError as error:
        raise ToolError(f"deploys: record {number}: {error}") from error


def _chained(deploys: Iterable[Deploy]) -> Iterable[Deploy]:
    """Each with what its service ran before."""
    running: dict[str, str] = {}
    for deploy in deploys:
        before = deploy.previous or running.get(deploy.service) or running.get("", "")
        if deploy.revision:
            running[deploy.service] = deploy.revision
        yield deploy.model_copy(update={"previous": before})


async def committed(history: History) -> tuple[Deploy, ...]:
    """The last commits, where neither records nor tags say what went live when. Raises ToolError."""
    commits = reversed(await history.log("HEAD", MOST_COMMITTED))
    return tuple(
        Deploy(time=each.time, revision=each.commit, previous=next(iter(each.parents), ""), live=False)
        for each in commits
    )


async def tagged(history: History) -> tuple[Deploy, ...]:
    """Tags as deploys of everything, by when each was made. Raises ToolError."""
    form = "--format=%(creatordate:unix)%09%(refname:short)"
    answer = await git(history.repository, "for-each-ref", "--sort=creatordate", f"--count={MOST}", form, "refs/tags")
    rows = [row.partition("\t") for row in answer.text.splitlines()]
    found = [Deploy(time=int(when), revision=name, note=f"tag {plain(name, 100)}") for when, _, name in rows if when]
    return tuple(_chained(found))
