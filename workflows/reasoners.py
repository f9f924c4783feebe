"""The model of a run, as the settings and the command line name it: its limits, its endpoint, its key."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent.artifacts import Codec
from agent.domain import Reasoner, Request
from agent.mind import Mind
from workflows.exits import Refused
from workflows.settings import Settings

if TYPE_CHECKING:  # the adapter takes time to import, and most runs have no model
    from agent.vllm.adapter import VllmModel
    from agent.vllm.examine import Finding
    from workflows.telemetry.watched import Watcher

MAX_KEY = 10_000


def chosen(settings: Settings, url: str | None = None, name: str | None = None) -> Reasoner | None:
    """The model to think with; None when no endpoint is named. Raises Refused for an address that cannot be one."""
    address = settings.model_url if url is None else url
    if not address:
        return None
    return Reasoner(
        url=endpoint(address), name=name or settings.model_name, tokens=settings.model_tokens,
        wall_s=settings.model_seconds, steps=settings.model_steps, samples=settings.model_samples,
    )  # fmt: skip


def endpoint(address: str) -> str:
    """The base address of an OpenAI-compatible API. Raises Refused."""
    try:
        parts = urlsplit(address.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Refused(f"the model's address is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise Refused("the model's address must be an http or https URL, such as http://localhost:8000/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise Refused("the model's address may hold no user, password or query; set PATCHWRIGHT_MODEL_KEY instead")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/v1'}"


@asynccontextmanager
async def mind(
    settings: Settings, request: Request, record: Path, codec: Codec | None = None, *, watcher: Watcher | None = None
) -> AsyncIterator[Mind | None]:
    """The request's model behind the run's record, its connections closed afterwards. Raises Refused."""
    if request.reasoner is None:
        yield None
        return
    model = model_of(settings, request.reasoner.url, request.reasoner.name)
    try:
        yield Mind(watcher.model(model, request.reasoner) if watcher else model, record, codec)
    finally:
        await model.close()


def model_of(settings: Settings, url: str, name: str) -> VllmModel:
    """The adapter to an endpoint, with the settings' key. Raises Refused when the key's file cannot be read."""
    from agent.vllm.adapter import VllmModel
    from agent.vllm.traits import Memory
    from agent.vllm.transport import Transport

    return VllmModel(Transport(url, key_of(settings)), name, Memory(settings.cache / "models"))


async def examined(settings: Settings) -> tuple[Finding, ...]:
    """What is right and wrong about the settings' endpoint. Raises Refused."""
    from agent.vllm.examine import examine
    from agent.vllm.traits import Memory
    from agent.vllm.transport import Patience, Transport

    transport = Transport(endpoint(settings.model_url), key_of(settings), Patience(attempts=2, longest_s=2.0))
    try:
        return await examine(transport, settings.model_name, Memory(settings.cache / "models"), time.monotonic)
    finally:
        await transport.close()


def key_of(settings: Settings) -> str:
    """The key, "" when there is none."""
    if settings.model_key_file is None:
        return settings.model_key.get_secret_value().strip()
    try:
        key = settings.model_key_file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise Refused(f"PATCHWRIGHT_MODEL_KEY_FILE {settings.model_key_file}: {error}") from error
    if len(key) > MAX_KEY or not key.isprintable():
        raise Refused(f"PATCHWRIGHT_MODEL_KEY_FILE {settings.model_key_file} holds no key")
    return key
