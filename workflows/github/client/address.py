"""Where a forge is: its interface, its pages, and the hosts that it may send a reader of logs to."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from workflows.loopback import is_loopback

GITHUB = "https://api.github.com"
LOG_HOSTS = ("productionresultssa*.blob.core.windows.net", "*.actions.githubusercontent.com")


class AddressInvalid(ValueError):
    """No address of a forge; the message says why."""


@dataclass(frozen=True)
class Address:
    """api: base of the interface, web: of the pages, both without a slash at the end; log_hosts: patterns of names."""

    api: str
    web: str
    log_hosts: tuple[str, ...]

    def own(self, url: str) -> bool:
        """Whether an address belongs to the interface itself: its scheme, host and port."""
        return _origin(url) == _origin(self.api)

    def may_hold_logs(self, url: str) -> bool:
        """Whether a log may be fetched there: https at a host of the list; the forge's own host in the forge's way."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if not host or parts.username is not None:
            return False
        if host == urlsplit(self.api).hostname:
            return parts.scheme == urlsplit(self.api).scheme
        named = any(fnmatchcase(host, pattern) for pattern in self.log_hosts)
        return named and parts.scheme == "https" and parts.port in (None, 443)


def address_of(url: str, log_hosts: tuple[str, ...] = ()) -> Address:
    """From the interface's base ("" for github.com). Raises AddressInvalid: only this machine is spoken to in clear."""
    base = (url or GITHUB).rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise AddressInvalid("the address of GitHub must be a URL such as https://HOST/api/v3")
    if parts.username is not None or parts.password is not None:
        raise AddressInvalid("the address of GitHub must hold no user and no password")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise AddressInvalid("the address of GitHub must be https")
    if base == GITHUB:
        return Address(base, "https://github.com", (*LOG_HOSTS, *log_hosts))
    return Address(base, base.removesuffix("/api/v3"), log_hosts)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port
