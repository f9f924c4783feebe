"""The Docker engine: where it answers, calls to it in threads of their own, and its refusals in words that help."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import docker
from docker.context import ContextAPI
from docker.errors import APIError, DockerException

from sandbox.protocol import SandboxUnavailable

T = TypeVar("T")
INSTEAD = "or use --sandbox bubblewrap"
OLDEST_API, NEWEST_API = "1.40", "1.44"
CONFLICT = 409
CALL_S = 120  # the slowest call that is not a pull: removing a container from a busy disk
_THREADS = 8
_SOCKET = "/var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine is spoken to. url: unix://, tcp:// or ssh://; source: who named it, for messages."""

    url: str
    source: str
    tls: Any = None

    @property
    def socket(self) -> Path | None:
        """The socket's path on this machine, which no sandbox may ever see."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None


def find_endpoint(environ: Mapping[str, str]) -> Endpoint:
    """DOCKER_HOST (with its TLS variables), else the context that is chosen, else the usual sockets of this machine."""
    if environ.get("DOCKER_HOST"):
        try:
            found = docker.utils.kwargs_from_env(environment=dict(environ))
        except DockerException as error:
            raise SandboxUnavailable(f"DOCKER_TLS_VERIFY and DOCKER_CERT_PATH: {error}") from error
        return Endpoint(found["base_url"], "DOCKER_HOST", found.get("tls"))
    name = environ.get("DOCKER_CONTEXT") or docker.context.config.get_current_context_name()
    if name and name != "default":
        return _of_context(name)
    own = Path(environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "docker.sock")
    if not Path(_SOCKET).exists() and own.exists():
        return Endpoint(f"unix://{own}", "a rootless engine's socket")
    return Endpoint(f"unix://{_SOCKET}", "the default")


def _of_context(name: str) -> Endpoint:
    try:
        context = ContextAPI.get_context(name)
    except (DockerException, OSError, ValueError, KeyError) as error:
        raise SandboxUnavailable(f"the Docker context {name!r} cannot be read: {error}") from error
    if context is None:
        raise SandboxUnavailable(f"there is no Docker context {name!r}: see `docker context ls`, {INSTEAD}")
    return Endpoint(context.Host, f"the context {name}", context.TLSConfig)


class Engine:
    """One engine. Connects with its first call."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")
        self._client: Any = None
        self._lock = threading.Lock()
        self.endpoint: Endpoint | None = None
        self.about: Mapping[str, Any] = {}
        self.info: Mapping[str, Any] = {}

    @property
    def rootless(self) -> bool:
        """Whether it runs as an ordinary user, who is root in its containers."""
        return "name=rootless" in self._security

    @property
    def remaps(self) -> bool:
        """Whether it gives containers other users than this machine's, unless told not to."""
        return "name=userns" in self._security

    @property
    def _security(self) -> set[str]:
        return {str(word).partition(",")[0] for word in self.info.get("SecurityOptions") or ()}

    async def call(self, what: str, work: Callable[[Any], T]) -> T:
        """Run `work` with the SDK's low-level client in a thread; raises SandboxUnavailable that says what failed.

        NotFound and Conflict are for the caller, who knows what they mean.
        """
        loop = asyncio.get_running_loop()
        client = await self.client()
        return await loop.run_in_executor(self._threads, self._worded, what, lambda: work(client))

    async def run(self, work: Callable[[], T]) -> T:
        """Run something else that blocks in one of the same threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def client(self) -> Any:
        """The connected client. Raises SandboxUnavailable with what to do; a later call tries again."""
        return self._client or await self.run(self._connect)

    def _connect(self) -> Any:
        with self._lock:
            if self._client is None:
                self.endpoint = find_endpoint(self._environ)
                self._client = self._worded("answer", self._open)
            return self._client

    def _open(self) -> Any:
        assert self.endpoint is not None  # noqa: S101 - set by _connect
        url = self.endpoint.url
        if self.endpoint.socket is not None:  # the SDK leaks the socket that it cannot connect
            with socket.socket(socket.AF_UNIX) as trial:
                trial.connect(str(self.endpoint.socket))
        client = self._fresh(NEWEST_API, CALL_S)
        try:
            self.about = client.version(api_version=False)
            # What "auto" would do, but that leaks its connection when the engine does not answer.
            client._version = _common_version(self.about, url)  # noqa: SLF001
            self.info = client.info()
        except BaseException:
            client.close()
            raise
        return client

    def _fresh(self, version: str, timeout: float) -> Any:
        assert self.endpoint is not None  # noqa: S101 - set by _connect
        tls = self.endpoint.tls or False
        client = docker.APIClient(base_url=self.endpoint.url, tls=tls, version=version, timeout=timeout)
        client.trust_env = False  # certificates and proxies of this process's variables are for other servers
        return client

    async def separate(self, timeout: float) -> Any:
        """A client with a connection of its own, for a call that takes long; for the caller to close.

        Raises SandboxUnavailable.
        """
        client = await self.client()
        return await self.run(lambda: self._fresh(str(client.api_version), timeout))

    def _worded(self, what: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except (docker.errors.NotFound, SandboxUnavailable):
            raise
        except APIError as error:
            if error.status_code == CONFLICT:
                raise
            raise SandboxUnavailable(_refusal(what, str(error.explanation or error))) from error
        except (DockerException, OSError, ValueError) as error:  # what requests raises is an OSError
            raise SandboxUnavailable(self._silence(what, error)) from error

    def _silence(self, what: str, error: Exception) -> str:
        where = self.endpoint.url if self.endpoint else "?"
        source = self.endpoint.source if self.endpoint else "?"
        text = str(error)
        if isinstance(error, PermissionError) or "Permission denied" in text:
            return (
                f"the Docker engine's socket ({where}) may not be used by this user: "
                f"`sudo usermod -aG docker $USER` and log in again, {INSTEAD}"
            )
        if "Read timed out" in text:
            return f"the Docker engine at {where} did not {what} within {CALL_S} s: is its disk full or busy?"
        return (
            f"no Docker engine answers at {where} ({source}): start it (`systemctl start docker`, or Docker Desktop), "
            f"install it (Debian: apt-get install docker.io), {INSTEAD} [{text[:300]}]"
        )

    async def close(self) -> None:
        """Close the connections and end the threads; a later call opens them again."""
        client, self._client = self._client, None
        threads, self._threads = self._threads, ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")
        if client is not None:
            client.close()
        await asyncio.to_thread(threads.shutdown)


def _common_version(about: Mapping[str, Any], url: str) -> str:
    """The API version to speak. Raises SandboxUnavailable for engines that will not do."""
    names = [str(part.get("Name", "")) for part in about.get("Components") or ()]
    if any("podman" in name.lower() for name in names):
        raise SandboxUnavailable(
            f"the engine at {url} is Podman, whose volumes cannot be laid over each other the way sandboxes need it: "
            f"point DOCKER_HOST to a Docker engine, {INSTEAD}"
        )
    theirs = _numbers(str(about.get("ApiVersion", "0.0")))
    if theirs < _numbers(OLDEST_API):
        raise SandboxUnavailable(
            f"the Docker engine at {url} is too old (API {about.get('ApiVersion')}): 19.03 or later is needed, "
            f"{INSTEAD}"
        )
    major, minor = min(theirs, _numbers(NEWEST_API))
    return f"{major}.{minor}"


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def _refusal(what: str, text: str) -> str:
    lowered = text.lower()
    if "bind source path does not exist" in lowered or ("overlay" in lowered and "no such file" in lowered):
        return (
            "the Docker engine does not see this machine's files (it is on another machine, or in a virtual one that "
            f"does not share the directory for temporary files): set TMPDIR to a shared directory, {INSTEAD} "
            f"[{text[:300]}]"
        )
    if "overlay" in lowered and "invalid argument" in lowered:
        return (
            "the directory for temporary files is on a file system that cannot be the upper side of an overlay (one "
            f"itself, or a network share): set TMPDIR to a directory on a plain disk, {INSTEAD} [{text[:300]}]"
        )
    if "no space left" in lowered:
        return f"the Docker engine's disk is full (it could not {what}): `docker system prune`, {INSTEAD}"
    return f"the Docker engine could not {what}: {text[:600]}"
