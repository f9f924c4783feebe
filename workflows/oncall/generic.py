"""Messages of any maker, read by the operator's JSON pointers (RFC 6901)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tools.git import plain
from tools.oplogs.masking import mask
from tools.tool import ToolError
from tools.triage.alerts import Alert
from tools.triage.sources import MAX_BYTES, MOST, time_of
from workflows.oncall.configuration import Mapped

_WIDTH, _LABELS = 500, 60


def read_generic(mapping: Mapped, body: bytes) -> tuple[Alert, ...]:
    """The alerts of one message. Raises ToolError that says what is wrong."""
    if len(body) > MAX_BYTES:
        raise ToolError(f"generic: more than {MAX_BYTES >> 20} MB")
    try:
        read = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"generic: no JSON ({plain(str(error), 100)})") from error
    rows = pointed(read, mapping.alerts)
    rows = rows if isinstance(rows, list) else [rows]
    if len(rows) > MOST:
        raise ToolError(f"generic: {len(rows)} alerts in one message; at most {MOST} are taken")
    return tuple(_alert(mapping, row) for row in rows)


def _alert(mapping: Mapped, row: Any) -> Alert:
    if not isinstance(row, dict):
        raise ToolError("generic: an alert is an object")
    name, service = _text(pointed(row, mapping.name)), _text(pointed(row, mapping.service))
    if not name:
        raise ToolError(f"generic: an alert has no name at {mapping.name}")
    labels = pointed(row, mapping.labels)
    labels = labels if isinstance(labels, dict) else {}
    named = {_text(key): _text(value) for key, value in list(labels.items())[:_LABELS]}
    key = _text(pointed(row, mapping.key)) if mapping.key else json.dumps([name, service, sorted(named.items())])
    ended = _text(pointed(row, mapping.status)).lower() in {each.lower() for each in mapping.resolved}
    url = _text(pointed(row, mapping.url))
    return Alert(
        source="generic", fingerprint=hashlib.sha256(f"generic\n{key}".encode("utf-8", "replace")).hexdigest()[:16],
        status="resolved" if ended else "firing", title=name, service=service, labels=named,
        severity=_text(pointed(row, mapping.severity)), starts=time_of(pointed(row, mapping.started)),
        ends=time_of(pointed(row, mapping.ended)) if ended else -1, text=_text(pointed(row, mapping.text)),
        link=url if url.startswith(("https://", "http://")) else "",
    )  # fmt: skip


def pointed(value: Any, pointer: str) -> Any:
    """What a pointer leads to; None where it leads nowhere."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and len(name) < 8 and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _text(value: Any) -> str:
    return plain(mask(str(value)[: 4 * _WIDTH]), _WIDTH) if isinstance(value, str | int | float) else ""
