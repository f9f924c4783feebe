"""A receiver of Standard Webhooks: every change of an incident, signed, with an id that stays when it is sent again."""

from __future__ import annotations

import base64
import binascii
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from workflows.oncall.channels.channel import asked
from workflows.oncall.telling import Told
from workflows.service.callbacks import signed


@dataclass(frozen=True)
class WebhookChannel:
    """Implements Channel. secret: whsec_ and a key."""

    url: str
    secret: str
    edits: bool = True

    async def tell(self, told: Told, reference: str, *, uncertain: bool) -> str:
        """See the protocol. Who receives it tells what came twice by its id."""
        del uncertain
        kind = "updated" if reference and told.stage in ("opened", "noted") else told.stage
        at = datetime.now(UTC)
        body = {"type": f"incident.{kind}", "timestamp": at.isoformat(), "data": told.model_dump(mode="json")}
        name = f"msg_{told.incident}_{told.revision}"
        content = json.dumps(body, separators=(",", ":")).encode()
        await asked("POST", self.url, headers=signed(self.secret, name, int(time.time()), content), content=content)
        return name


def usable(secret: str) -> bool:
    """Whether something is a secret of Standard Webhooks."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return secret.startswith("whsec_") and 24 <= len(key) <= 64
