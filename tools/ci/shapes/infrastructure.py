"""Failures that are not the code's: the runner, its disk, memory and time, the network, registries, services."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.ci.values import Infrastructure

LAST = 40_000  # characters of a text in which what programs say about the machine counts


@dataclass(frozen=True, slots=True)
class Trouble:
    """A line of the end of a text that names a trouble with the machine. outright: no tool's own verdict outweighs
    it.
    """

    name: Infrastructure
    line: re.Pattern[str]
    outright: bool = False


def _of(name: Infrastructure, pattern: str, *, outright: bool = False) -> Trouble:
    return Trouble(name, re.compile(rf"^[^\n]*(?:{pattern})[^\n]*$", re.MULTILINE), outright)


_RUNNER: tuple[tuple[Infrastructure, str], ...] = (
    (
        "runner-lost",
        r"(?:The (?:hosted )?runner(?::.*)? (?:lost communication|has received a shutdown signal)|The self-hosted.*)",
    ),
    (
        "timeout",
        r".*exceeded the maximum execution time|The (?:job|action|step)\b.*has timed out after",
    ),
    ("disk-full", r".*(?:No space left on device|not enough space on the disk)"),
    ("cancelled", r"The operation was cancell?ed"),
    ("rate-limit", r".*(?:API rate limit exceeded|toomanyrequests|secondary rate limit)"),
    (
        "service",
        r".*(?:One or more containers failed to start|Service container .* failed|failed to initialize, unhealthy)",
    ),
    ("set-up", r"(?:Unable to resolve action|An action could not be found|Can't find 'action\.ya?ml')"),
)
RUNNER: tuple[Trouble, ...] = tuple(
    Trouble(name, re.compile(rf"^##\[error\](?:{pattern}).*$"), outright=True) for name, pattern in _RUNNER
)
MACHINE: tuple[Trouble, ...] = (
    _of(
        "disk-full",
        r"No space left on device|\bENOSPC\b|not enough space on the disk|[Dd]isk quota exceeded",
        outright=True,
    ),
    _of(
        "out-of-memory",
        r"^Killed$|: line \d+: +\d+ Killed |JavaScript heap out of memory|[Oo]ut of memory: [Kk]ill"
        r"|OOMKilled|Killed signal terminated program"
        r"|\(signal: 9, SIGKILL|java\.lang\.OutOfMemoryError|[Cc]annot allocate memory|virtual memory exhausted"
        r"|Gradle build daemon disappeared|signal: killed",
        outright=True,
    ),
    _of(
        "rate-limit",
        r"toomanyrequests|429 Too Many Requests|(?:code|status|HTTP)[^\n]{0,20}\b429\b"
        r"|API rate limit exceeded|reached your (?:unauthenticated )?pull rate limit",
    ),
    _of(
        "network",
        r"Could not resolve host|Temporary failure in name resolution|\bECONNRESET\b|\bETIMEDOUT\b"
        r"|\bEAI_AGAIN\b|\bECONNREFUSED\b|getaddrinfo"
        r"|Connection timed out|TLS handshake timeout|i/o timeout|[Cc]onnection (?:was )?reset by peer"
        r"|50[234] (?:Service Unavailable|Bad Gateway|Gateway Time-?out)"
        r"|Read timed out|Network is unreachable|spurious network error|unexpected EOF while"
        r"|SSL_ERROR_SYSCALL|RPC failed; curl|early EOF"
        r"|Remote end closed connection|Max retries exceeded with url",
    ),
    _of("service", r"(?:Cannot connect to the Docker daemon|connection to server [^\n]* failed: Connection refused)"),
)
_EXITS: dict[int, Infrastructure] = {137: "out-of-memory", 143: "cancelled", 124: "timeout"}


def of_runner(line: str) -> Infrastructure:
    """What the runner's own line says about itself; "" for nothing."""
    return next((trouble.name for trouble in RUNNER if trouble.line.match(line)), "")


def of_machine(text: str, *, outright: bool) -> tuple[Infrastructure, str, int] | None:
    """(name, line, place) of the first trouble that the end of a text names.

    outright: only those that decide whatever a tool says.
    """
    start = max(0, len(text) - LAST)
    for trouble in MACHINE:
        if outright and not trouble.outright:
            continue
        found = trouble.line.search(text, start)
        if found:
            return trouble.name, found[0].strip(), found.start()
    return None


def of_exit(code: int | None) -> Infrastructure:
    """What an exit code alone says: a killed, terminated or timed-out process."""
    return _EXITS.get(code or 0, "")
