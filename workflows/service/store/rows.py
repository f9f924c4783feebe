"""Rows of the database as values, and values as what the database can keep."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent.asking import More
from agent.domain import Request
from workflows.service.values import Approval, Event, Reply, Run, Submission, Token

Row = Mapping[str, Any]
_RUN = re.compile(r"^[0-9]{8}-[0-9]{6}-[0-9a-f]{32}$")
_SAME = ("id", "tenant", "state", "priority", "epoch", "version", "last_seq", "created", "started", "finished")
_ALSO = ("deadline", "outcome", "headline", "problem", "cancelling")


def is_run(name: str) -> bool:
    """Whether it can be the id of a run."""
    return _RUN.match(name) is not None


def run_of(row: Row) -> Run:
    """A row of `runs`."""
    request = Request.model_validate(json.loads(row["request"]))
    return Run(request=request, **{name: row[name] for name in (*_SAME, *_ALSO)})


def event_of(row: Row) -> Event:
    """A row of `run_events`."""
    return Event(**{name: row[name] for name in ("run", "seq", "at", "kind", "node", "text")})


def approval_of(row: Row) -> Approval:
    """A row of `approvals`, without what was told."""
    names = ("id", "run", "subject", "question", "detail", "consequence", "asked", "expires", "decision", "note")
    return Approval(**{name: row[name] for name in names}, decided=row["decided"], by=row["token"])


def reply_of(row: Row) -> Reply:
    """A row of `approvals` that was decided."""
    more = More.model_validate(json.loads(row["more"])) if row["more"] else None
    return Reply(question=row["id"], decision=row["decision"], note=row["note"], more=more)


def token_of(row: Row) -> Token:
    """A row of `tokens`, without the hash."""
    times: dict[str, datetime | None] = {name: row[name] for name in ("expires", "revoked", "used")}
    return Token(
        id=row["id"], tenant=row["tenant"], name=row["name"], scopes=frozenset(row["scopes"]), created=row["created"],
        **times,
    )  # fmt: skip


def kept(value: Request | Submission | More) -> str:
    """A value as JSON in ASCII, whatever characters it holds."""
    return json.dumps(value.model_dump(mode="json"))


def submission_of(content: str) -> Submission:
    """What `kept` wrote."""
    return Submission.model_validate(json.loads(content))


def text(value: str, characters: int = 4000) -> str:
    """Text that the database takes: valid UTF-8 without NUL, of a bounded length."""
    return value[:characters].encode("utf-8", "replace").decode().replace("\0", "\ufffd")
