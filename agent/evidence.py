"""Making evidence: an observation with an id that claims can cite, the same for the same observation."""

from __future__ import annotations

import hashlib

from agent.domain import Evidence


def observe(kind: str, summary: str, *, artifact: str | None = None, **data: str | float) -> Evidence:
    """An observation. Its id is the kind and a short hash of what was seen, so that parallel branches cannot clash."""
    seen = hashlib.sha256(f"{kind}\0{summary}\0{artifact}".encode("utf-8", "surrogateescape")).hexdigest()[:6]
    facts = {name: str(value) for name, value in data.items()}
    return Evidence(id=f"{kind}-{seen}", kind=kind, summary=summary, artifact=artifact, data=facts)
