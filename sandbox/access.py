"""How a sandbox with network reaches indexes and git servers: certificates, index URLs and proxies, no credentials.

The caller hands over the environment variables of the process (this layer does not read them); the value built from
them is what a build or a clone may see of the host's settings.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sandbox.protocol import Mount
from sandbox.redact import has_credentials

_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO")
_CERTIFICATE_READERS = (
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO"),
    *("NODE_EXTRA_CA_CERTS", "CARGO_HTTP_CAINFO", "npm_config_cafile"),
)
_PLAIN = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_STRATEGY", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_OFFLINE"),
    *("UV_HTTP_TIMEOUT", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_EXCLUDE_NEWER", "UV_INSECURE_HOST"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_TRUSTED_HOST"),
    *("PIP_DEFAULT_TIMEOUT", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "npm_config_registry"),
)
_CERTIFICATE_INSIDE = "/patchwright/certificates.pem"
# pip's option: (uv's variable, pip's variable, uv's separator)
_PIP_OPTIONS = {
    "index-url": ("UV_DEFAULT_INDEX", "PIP_INDEX_URL", " "),
    "extra-index-url": ("UV_INDEX", "PIP_EXTRA_INDEX_URL", " "),
    "find-links": ("UV_FIND_LINKS", "PIP_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", "PIP_TRUSTED_HOST", " "),
}


@dataclass(frozen=True, slots=True)
class Access:
    """Variables and read-only mounts for a sandbox with network; notes say what was left out and why."""

    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    notes: tuple[str, ...] = ()


def access_from(environ: Mapping[str, str], *, etc: Path = Path("/etc")) -> Access:
    """What the host's settings allow: variables of pip, uv, npm, Go, proxies and certificates; pip.conf as uv reads it.

    environ: the variables of the process, HOME among them.
    """
    env: dict[str, str] = {}
    notes: list[str] = []
    settings = _pip_settings(environ, etc)
    for name in _PLAIN:
        value = environ.get(name, "")
        if value and has_credentials(value):
            notes.append(f"{name} holds credentials and was not passed on")
        elif value:
            env[name] = value
    for option, (for_uv, for_pip, separator) in _PIP_OPTIONS.items():
        words = [w for w in environ.get(for_pip, settings.get(option, "")).split() if not has_credentials(w)]
        if words:
            env[for_pip] = " ".join(words)
            env.setdefault(for_uv, separator.join(words))
    if "UV_INDEX" in env and "UV_INDEX" not in environ:
        env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # what an extra index means to pip
    certificate = next(
        (c for n in _CERTIFICATES if (c := environ.get(n, settings.get("cert", ""))) and Path(c).is_file()), ""
    )
    mounts = [Mount(Path(certificate).resolve(), _CERTIFICATE_INSIDE)] if certificate else []
    env |= dict.fromkeys(_CERTIFICATE_READERS, _CERTIFICATE_INSIDE) if certificate else {}
    directories = _local_directories(env.get(n, "") for n in ("UV_FIND_LINKS", "UV_INDEX", "UV_DEFAULT_INDEX"))
    mounts += [Mount(d, str(d)) for d in directories]
    return Access(tuple(sorted(env.items())), tuple(mounts), tuple(notes))


def _pip_settings(environ: Mapping[str, str], etc: Path) -> dict[str, str]:
    """Options of the [global] and [install] sections of pip's configuration files, the later file wins."""
    home = Path(environ.get("HOME", "/nonexistent"))
    files = [etc / "pip.conf", home / ".pip" / "pip.conf", home / ".config" / "pip" / "pip.conf"]
    files += [Path(environ["PIP_CONFIG_FILE"])] if environ.get("PIP_CONFIG_FILE") else []
    found: dict[str, str] = {}
    for file in files:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, configparser.Error):
            continue
        for section in ("global", "install"):
            found |= {k: v for k, v in parser.items(section) if v} if parser.has_section(section) else {}
    return found


def _local_directories(values: Iterable[str]) -> list[Path]:
    """Directories of wheels and local indexes named by path or file: URL; `files` beside an index belongs to it."""
    found: list[Path] = []
    for word in (w for value in values for w in value.replace(",", " ").split()):
        path = Path(unquote(urlsplit(word).path)) if word.startswith("file:") else Path(word)
        if path.is_absolute() and path.is_dir() and "://" not in word.removeprefix("file://"):
            beside = path.parent / "files"
            found += [p for p in (path, beside) if p.is_dir() and p not in found]
    return found
