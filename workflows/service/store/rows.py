"""Rows of the database as values, and values as what the database can keep."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent.asking import More
from agent.domain import Request
from workflows.service.store.envelope import Envelope, RequestSealed
from workflows.service.values import Approval, Event, Reply, Run, Submission, Token

Row = Mapping[str, Any]
_RUN = re.compile(r"^[0-9]{8}-[0-9]{6}-[0-9a-f]{32}$")
_SAME = ("id", "tenant", "state", "priority", "epoch", "version", "last_seq", "created", "started", "finished")
UNREADABLE = "encrypted with another key"
_ALSO = ("deadline", "outcome", "headline", "problem", "cancelling")


def is_run(name: str) -> bool:
    """Whether it can be the id of a run."""
    return _RUN.match(name) is not None


def run_of(row: Row, envelope: Envelope) -> Run:
    """A row of `runs`. Raises RequestSealed."""
    return Run(request=request_of(row, envelope), **{name: row[name] for name in (*_SAME, *_ALSO)})


def shown(row: Row, envelope: Envelope) -> Run:
    """A row of `runs` for who looks at it: where its request cannot be read, the rest."""
    try:
        return run_of(row, envelope)
    except RequestSealed:
        return Run(request=Request(source=UNREADABLE), **{name: row[name] for name in (*_SAME, *_ALSO)})


def request_of(row: Row, envelope: Envelope) -> Request:
    """The request in a row of `runs`. Raises RequestSealed."""
    text = envelope.open(row["tenant"], row["id"], "request", row["request"])
    return Request.model_validate(json.loads(text))


def event_of(row: Row) -> Event:
    """A row of `run_events`."""
    return Event(**{name: row[name] for name in ("run", "seq", "at", "kind", "node", "text")})


def approval_of(row: Row, envelope: Envelope) -> Approval:
    """A row of `approvals`, without what was told; its detail only where the settings have the key for it."""
    names = ("id", "run", "subject", "question", "consequence", "asked", "expires", "decision", "note")
    try:
        detail = envelope.open(row["tenant"], row["run"], f"detail/{row['id']}", row["detail"])
    except RequestSealed:
        detail = UNREADABLE
    return Approval(**{name: row[name] for name in names}, detail=detail, decided=row["decided"], by=row["token"])


def told_of(row: Row, envelope: Envelope) -> str:
    """What was told, as JSON; "" for nothing. Raises RequestSealed."""
    return envelope.open(row["tenant"], row["run"], f"more/{row['id']}", row["more"] or "")


def reply_of(row: Row, envelope: Envelope) -> Reply:
    """A row of `approvals` that was decided. Raises RequestSealed."""
    told = told_of(row, envelope)
    more = More.model_validate(json.loads(told)) if told else None
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
