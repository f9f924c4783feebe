"""Which git URLs are cloned: their protocol, their form, and where their host's addresses lead."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.protocol import SandboxError
from sandbox.redact import redact

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:(//|:)")
_SCP = re.compile(r"^[^/\s:]+@[^/\s:]+:")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-f:.]+")


class SourceInvalid(SandboxError):
    """What was named cannot be diagnosed; the message says why and, where there is one, what to do."""


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """Which URLs are cloned. private_hosts: addresses of this machine and of private networks are allowed too."""

    protocols: tuple[str, ...] = ("https",)
    private_hosts: bool = False


@dataclass(frozen=True, slots=True)
class Login:
    """What a clone shows to a host. authority: the host, with its port where that is not 443; read: the secret, asked
    for when it is needed and kept nowhere; raises SourceInvalid.
    """

    authority: str
    user: str
    read: Callable[[], str] = field(repr=False)

    def header(self) -> tuple[str, str]:
        """The setting of git that shows it to this host alone, and to none that the host redirects to."""
        shown = base64.b64encode(f"{self.user}:{self.read()}".encode()).decode("ascii")
        return f"http.https://{self.authority}/.extraHeader", f"Authorization: Basic {shown}"


def is_url(source: str) -> bool:
    """Whether `source` is meant as a URL (also `git@host:path`) rather than as a path."""
    return bool(_URL.match(source) or (_SCP.match(source) and not Path(source).exists()))


class Parts:
    """scheme, hostname, port and path of a URL that was let through."""

    def __init__(self, scheme: str, hostname: str, port: int | None, path: str) -> None:
        self.scheme, self.hostname, self.port, self.path = scheme, hostname, port, path


def url_parts(url: str, policy: UrlPolicy) -> Parts:
    """The parts of an allowed URL; raises SourceInvalid."""
    shown = redact(url)[:300]
    allowed = " or ".join(f"{p}://" for p in policy.protocols)
    if _SCP.match(url) and "ssh" not in policy.protocols:
        raise SourceInvalid(
            f"{shown}: ssh needs keys, which no sandbox has; use the {allowed} URL, or clone it and name the path"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SourceInvalid(f"{shown}: not a valid URL") from None
    if parts.scheme not in policy.protocols:
        reason = {"ssh": "ssh needs keys, which no sandbox has", "file": "name the path itself"}.get(parts.scheme, "")
        raise SourceInvalid(f"{shown}: only {allowed} URLs are cloned" + (f"; {reason}" if reason else ""))
    if not url.isprintable() or " " in url or "\\" in url:
        raise SourceInvalid(f"{shown!r}: not a valid URL")
    if parts.scheme != "file" and not re.fullmatch(
        r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-f:.]+", parts.hostname or ""
    ):
        raise SourceInvalid(f"{shown}: the URL names no valid host")
    return Parts(parts.scheme, parts.hostname or "", port, parts.path)


async def pinned(parts: Parts, policy: UrlPolicy, *, proxied: bool) -> list[tuple[str, str]]:
    """Settings that tie the clone to the addresses that were checked; nothing to check where everything is allowed."""
    if policy.private_hosts or proxied:
        return [("http.followRedirects", "initial")]
    host, port = parts.hostname, parts.port or 443
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SourceInvalid(f"{host} cannot be found: {error.strerror}") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    private = [a for a in addresses if not ipaddress.ip_address(a.split("%")[0]).is_global]
    if private or not addresses:
        raise SourceInvalid(f"{host} is an address of this machine or of a private network, which is not allowed here")
    pins = ",".join(f"[{a}]" if ":" in a else a for a in addresses)
    return [("http.followRedirects", "false"), ("http.curloptResolve", f"{host}:{port}:{pins}")]
