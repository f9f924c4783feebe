"""Images built from a Dockerfile that the user named: by the engine, labelled, logged, and ended when time is up.

What a Dockerfile says runs as root of the engine's containers, with network and without our limits on processes. The
classic builder is asked, which gives no step more rights than a container has by default, and sees no file of this
machine but the context. Credentials of this process are not among the arguments.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from docker.errors import APIError, BuildError, DockerException

from sandbox.docker import context, dockerfile
from sandbox.docker.engine import Engine
from sandbox.docker.images import Image, find
from sandbox.docker.labels import EPOCH
from sandbox.docker.records import Records
from sandbox.protocol import Blueprint, BuildFailed
from sandbox.redact import redact

REPOSITORY = "patchwright-built"
BUILT, PART, SOURCE, CACHE = (f"patchwright.{name}" for name in ("built", "part", "source", "cache"))
MEMORY = 8 << 30
_TAIL = 6_000
_LOG_BYTES = 4 << 20


def tag_of(key: str) -> str:
    """The name of the image of a key."""
    return f"{REPOSITORY}:{key[:32]}"


@dataclass(frozen=True, slots=True)
class Order:
    """One build. key: names what is built; text: for the builder; proxies: arguments; cache: whose image it is."""

    key: str
    blueprint: Blueprint
    text: str
    files: tuple[context.Entry, ...]
    modern: bool
    proxies: Mapping[str, str]
    cache: str

    @property
    def tag(self) -> str:
        """The image's name."""
        return tag_of(self.key)


def order(blueprint: Blueprint, proxies: Mapping[str, str], cache: str) -> Order:
    """What to build. Blocks while it reads the context. Raises BuildFailed when that is too large or unreadable."""
    parsed = dockerfile.parse(blueprint.dockerfile)
    text = parsed.plain({PART: "1"})
    try:
        files = context.entries(blueprint.context)
        key = context.key_of(blueprint, text, files, parsed.sources())
    except OSError as error:
        raise BuildFailed(f"the context of the build cannot be read: {error}", "") from error
    return Order(key, blueprint, text, files, parsed.modern, proxies, cache)


async def built(engine: Engine, wanted: Order) -> Image | None:
    """The image, if it was built before. Raises SandboxUnavailable."""
    found = await find(engine, wanted.tag)
    return found if found and dict(found.labels).get(BUILT) == wanted.key else None


async def build(engine: Engine, wanted: Order, records: Records, *, wall_s: float) -> tuple[Image, str]:
    """Build it; returns the image and a sentence about it. Cancelling ends the build, on the engine too.

    Raises BuildFailed, SandboxUnavailable.
    """
    began = time.monotonic()
    log = records.log(wanted.key)
    client = await engine.separate(wall_s + 30)
    watch = _Watch(client)
    running = asyncio.ensure_future(asyncio.to_thread(_run, client, wanted, log, watch))
    try:
        await asyncio.wait_for(asyncio.shield(running), wall_s)
    except TimeoutError:
        raise BuildFailed(f"the build did not end within {wall_s:.0f} s", _tail(log)) from None
    finally:
        await watch.end(running)
        client.close()
    found = await built(engine, wanted)
    if found is None:
        raise BuildFailed("the engine has lost the image that it built", _tail(log))
    took = f"{found.size / 1e6:.0f} MB in {time.monotonic() - began:.0f} s"
    return found, f"built from {wanted.blueprint.source}: {took}; its log is in the cache: {log.parent.name}/{log.name}"


class _Watch:
    """The connection of a build, which ends with it: the engine stops a build that nobody listens to."""

    def __init__(self, client: Any) -> None:
        self.stopped = threading.Event()
        self._responses: list[Any] = []
        client.hooks["response"].append(self._heard)

    def _heard(self, response: Any, **_: object) -> None:
        self._responses.append(response)

    async def end(self, running: asyncio.Future[None]) -> None:
        """Hang up when it has not ended by itself, and wait for the thread."""
        self.stopped.set()
        while not running.done():
            for response in list(self._responses):
                await asyncio.to_thread(_hang_up, response)
            await asyncio.wait([running], timeout=0.2)
        await asyncio.gather(running, return_exceptions=True)
        for response in self._responses:
            response.close()


def _hang_up(response: Any) -> None:
    """Shut the connection down under whoever reads from it."""
    connection = getattr(response.raw, "connection", None) or getattr(response.raw, "_connection", None)
    line = getattr(connection, "sock", None) or getattr(getattr(response.raw._fp.fp, "raw", None), "_sock", None)  # noqa: SLF001
    if line is not None:
        with contextlib.suppress(OSError):  # it has ended by itself
            line.shutdown(socket.SHUT_RDWR)


def _run(client: Any, wanted: Order, log: Path, watch: _Watch) -> None:
    """Build, and write down what the builder says. Raises BuildFailed."""
    with tempfile.TemporaryFile() as archive, log.open("w", encoding="utf-8", errors="replace") as file:
        try:
            context.pack(wanted.files, wanted.text, archive)
            archive.seek(0)
            _listen(_begun(client, wanted, archive), file, watch)
        except (APIError, BuildError) as error:
            reason = redact(str(getattr(error, "explanation", None) or error))[:500]
        except (DockerException, OSError, ValueError) as error:  # what requests raises is an OSError
            reason = f"the engine did not finish the build: {redact(str(error))[:300]}"
        else:
            return
        file.write(f"{reason}\n")
    more = " (it uses what only BuildKit understands)" if wanted.modern else ""
    raise BuildFailed(f"{reason}{more}", _tail(log))


def _begun(client: Any, wanted: Order, archive: IO[bytes]) -> Iterator[dict[str, Any]]:
    plan = wanted.blueprint
    labels = {BUILT: wanted.key, SOURCE: plan.source[:200], CACHE: wanted.cache, EPOCH: str(int(time.time()))}
    said: Iterator[dict[str, Any]] = client.build(
        fileobj=archive, custom_context=True, dockerfile=context.NAME, tag=wanted.tag, labels=labels, rm=True,
        forcerm=True, decode=True, buildargs={**wanted.proxies, **dict(plan.args)}, target=plan.target or None,
        container_limits={"memory": MEMORY, "memswap": MEMORY}, use_config_proxy=False,
    )  # fmt: skip
    return said


def _listen(said: Iterator[dict[str, Any]], file: IO[str], watch: _Watch) -> None:
    """Keep what is said, up to a size. Raises BuildError with the builder's own words."""
    written = 0
    for item in said:
        if watch.stopped.is_set():
            return
        if "error" in item:
            raise BuildError(str(item["error"]), ())
        text = redact(str(item.get("stream") or item.get("status") or ""))
        if written < _LOG_BYTES:
            written += file.write(text if text.endswith("\n") or not text else f"{text}\n")
            file.flush()


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-_TAIL:]


def proxies_of(access: Mapping[str, str]) -> dict[str, str]:
    """The proxies among a sandbox's variables, which every Dockerfile may be told."""
    return {name: value for name, value in access.items() if name.lower().endswith("_proxy")}
