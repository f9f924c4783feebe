"""Which git servers a request may make the service clone from.

This is an early, clear refusal. Names can resolve to something else a second later, so what connects later must check
again and stay with what it checked: the clone resolves anew and ties curl to the addresses that it found public, with
redirects off (`sandbox.urls.pinned`).
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit

from sandbox.protocol import SandboxError
from sandbox.urls import UrlPolicy, url_parts

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
RESOLVE_S = 5.0
_EMBEDDING = ipaddress.ip_network("64:ff9b::/96")  # NAT64: the last 32 bits are an IPv4 address


class UrlRefused(ValueError):
    """An address that the service does not talk to; the message says why and what to do, without the address."""


@dataclass(frozen=True)
class Hosts:
    """What is let through. names: hosts to clone from ("*": every public one); private: private addresses too;
    proxied: a proxy resolves names, so they are not looked up here; own: the names are the tenant's own list.
    """

    names: tuple[str, ...]
    private: bool = False
    proxied: bool = False
    own: bool = False

    def of(self, own: tuple[str, ...] | None) -> Hosts:
        """The same for a tenant that has its own list."""
        return self if own is None else replace(self, names=own, own=True)

    def check(self, host: str) -> None:
        """Return when a host may be cloned from. Raises UrlRefused."""
        if "*" not in self.names and host not in self.names:
            allowed = ", ".join(self.names) or "none"
            whose = "your service's list for you" if self.own else "PATCHWRIGHT_GIT_HOSTS"
            raise UrlRefused(f"this host is not one that the service clones from ({whose}: {allowed})")


def authority(url: str) -> str:
    """The host of a git URL, with its port where that is not the usual one. Raises UrlRefused."""
    parts = _parts(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port in (None, 443) else f"{host}:{parts.port}"


class Resolver:
    """Looks names up, on threads of its own: slow names delay nothing but other names."""

    def __init__(self, threads: int = 4) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name. Raises OSError."""
        ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        async with asyncio.timeout(RESOLVE_S):
            found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def check_git(url: str, hosts: Hosts, resolve: Resolve) -> None:
    """Return when the repository may be cloned; raises UrlRefused."""
    parts = _parts(url)
    if parts.scheme != "https":
        raise UrlRefused("only https URLs are cloned: ssh needs keys, which no sandbox has; or upload an archive")
    if parts.query or parts.fragment:
        raise UrlRefused("the URL of a repository has no query and no fragment")
    host = parts.hostname or ""
    hosts.check(host)
    try:
        url_parts(url, UrlPolicy())  # as the clone will
    except SandboxError:
        raise UrlRefused("not a valid URL of a repository") from None
    await _check_addresses(host, parts.port or 443, hosts, resolve)


async def check_callback(url: str, hosts: Hosts, resolve: Resolve) -> tuple[str, ...]:
    """The addresses that may be connected to for a callback, directly. Raises UrlRefused.

    Callbacks go through no proxy. http is for private networks, where those are allowed.
    """
    parts = _parts(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and hosts.private):
        raise UrlRefused("a callback's URL is https")
    if parts.fragment:
        raise UrlRefused("a callback's URL has no fragment")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return await _allowed(parts.hostname or "", port, hosts, resolve)


async def _check_addresses(host: str, port: int, hosts: Hosts, resolve: Resolve) -> None:
    """Return when all addresses of a host are allowed, or a proxy resolves it. Raises UrlRefused."""
    if not hosts.proxied or _literal(host):
        await _allowed(host, port, hosts, resolve)


async def _allowed(host: str, port: int, hosts: Hosts, resolve: Resolve) -> tuple[str, ...]:
    """All addresses of a host. Raises UrlRefused unless all of them are allowed."""
    try:
        found = tuple(await resolve(host, port))
    except (OSError, UnicodeError):  # a timeout is an OSError too
        raise UrlRefused("the host of the URL cannot be found") from None
    if not found or not (hosts.private or all(map(public, found))):
        raise UrlRefused("the URL leads to this machine or into a private network, which is not allowed here")
    return found


def public(address: str) -> bool:
    """Whether an address belongs to the public internet, whatever form an IPv4 address in it has."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _EMBEDDING:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return (
            host.replace(".", "").isdigit() or host.startswith("0x") or host in ("localhost", "localhost.localdomain")
        )
    return True


def _parts(url: str) -> SplitResult:
    """The parts of a URL that names a host and carries no credentials. Raises UrlRefused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UrlRefused("not a valid URL") from None
    if "@" in parts.netloc or (not parts.scheme and "@" in url):
        raise UrlRefused("a URL must hold no user and no password: upload an archive of what is not public")
    if not host or port == 0 or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise UrlRefused("not a valid URL: https://HOST/PATH is expected")
    return parts
