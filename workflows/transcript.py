"""What a model thought, called and said in a run, turn by turn: the answer to "why did it decide that"."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.record import rows_of
from workflows.text import brief

THINKING, RESULT, ARGUMENT = 4000, 1500, 300


def transcript(record: Path) -> str:
    """The turns in a run's record, branch after branch; "" when no model took part."""
    return told(rows_of(record) if record.exists() else [])


def told(rows: Sequence[Mapping[str, Any]]) -> str:
    """The turns in the rows of a record."""
    turns = [row for row in rows if row.get("method") == "model"]
    branches = dict.fromkeys(str(row["branch"]) for row in turns)
    return "\n".join(line for branch in branches for line in _branch(branch, turns, rows))


def _branch(branch: str, turns: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"== branch {branch}"
    for row in turns:
        if row["branch"] == branch:
            yield from _turn(row)
    for row in rows:
        if row.get("method") == "halt" and str(row["key"]).startswith(f"halt {branch} "):
            yield f"-- ended: {row['result']}"
    yield ""


def _turn(row: Mapping[str, Any]) -> Iterator[str]:
    for message in row.get("new", ()):
        if message["role"] in ("tool", "user", "system"):
            yield f"[{message['role']}] {brief(message['text'], RESULT)}"
            yield from [message["note"]] if message.get("note") else []
    yield f"-- turn {row['step'] + 1}"
    error, reply = row.get("error"), row.get("result")
    if error:
        yield f"   {error['kind']}: {brief(error['message'], RESULT)}"
    if not reply:
        return
    if reply["thinking"]:
        yield f"[thinking] {brief(reply['thinking'], THINKING)}"
    if reply["text"]:
        yield f"[answer] {brief(reply['text'], THINKING)}"
    for call in reply["calls"]:
        yield f"[call] {brief(call['name'], 80)}({_arguments(call)})"
    usage = reply["usage"]
    tokens = f"{usage['prompt']:,} + {usage['completion']:,} tokens ({usage['cached']:,} cached)"
    notes = "".join(f"; {brief(note, 200)}" for note in reply["notes"])
    yield f"   {tokens}, first after {reply['first_s']:.2f} s, {reply['seconds']:.2f} s{notes}"


def _arguments(call: Mapping[str, Any]) -> str:
    if call["problem"]:
        return brief(f"unreadable, {call['problem']}: {call['raw']}", ARGUMENT)
    rows = (
        f"{name}={brief(value if isinstance(value, str) else json.dumps(value), ARGUMENT)}"
        for name, value in call["arguments"].items()
    )
    return ", ".join(rows)
