"""A Dockerfile as text: what it copies from its context, and the same file as every engine's own builder takes it.

The builder behind the engine's API knows nothing of BuildKit's additions. Those that only save time are left out.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

_DIRECTIVE = re.compile(r"^#\s*(\w+)\s*=\s*(\S+)\s*$")
_INSTRUCTION = re.compile(r"^\s*([A-Za-z]+)\s+(.*)$", re.DOTALL)
_FLAG = re.compile(r"^--[\w-]+(?:=\S*)?\s+")
_CACHES = re.compile(r"--mount=type=(?:cache|tmpfs)\S*\s+")
_LINK = re.compile(r"--link(?:=\w+)?\s+")
_MODERN = re.compile(
    r"^\s*(?:RUN\s+.*--mount=|RUN\s+.*--network=|(?:RUN|COPY|ADD)\s+.*<<|COPY\s+.*--(?:chmod|exclude))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """The instructions, one string each, continued lines joined, comments gone."""

    instructions: tuple[str, ...]
    escape: str = "\\"

    @property
    def modern(self) -> bool:
        """Whether it needs BuildKit, which cannot be asked for through the engine's API."""
        return any(_MODERN.match(_CACHES.sub("", line)) for line in self.instructions)

    def sources(self) -> tuple[str, ...] | None:
        """What COPY and ADD take from the context; None when it cannot be told, or is everything."""
        found: list[str] = []
        for line in self.instructions:
            match = _INSTRUCTION.match(line)
            if match and match[1].upper() == "ONBUILD":
                return None
            if match and match[1].upper() in ("COPY", "ADD"):
                words = _copied(match[2])
                if words is None:
                    return None
                found += words
        return tuple(found)

    def plain(self, labels: Mapping[str, str]) -> str:
        """Without what only saves time, and with labels for all that the build makes on its way."""
        head = [f"# escape={self.escape}"] if self.escape != "\\" else []
        marks = [f'LABEL "{name}"="{value}"' for name, value in labels.items()]
        return "\n".join([*head, *(part for line in self.instructions for part in _plain(line, marks))]) + "\n"


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile; what is wrong with it is for the builder to say."""
    escape = "\\"
    for line in text.splitlines():
        match = _DIRECTIVE.match(line)
        if match is None:
            break
        if match[1].lower() == "escape" and match[2] in ("\\", "`"):
            escape = match[2]
    return Dockerfile(tuple(_joined(text, escape)), escape)


def matches(path: str, sources: tuple[str, ...] | None) -> bool:
    """Whether a path of the context is among what is copied."""
    return sources is None or any(
        source in (".", path) or path.startswith(f"{source}/") or _below(path, source) for source in sources
    )


def _below(path: str, pattern: str) -> bool:
    """Whether the path or a directory above it matches; "*" of the pattern may cross directories, which is too much."""
    parts = path.split("/")
    return any(fnmatchcase("/".join(parts[:length]), pattern) for length in range(1, len(parts) + 1))


def _joined(text: str, escape: str) -> Iterator[str]:
    pending = ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        stripped = line.rstrip()
        if stripped.endswith(escape):
            pending += stripped[: -len(escape)]
        else:
            yield (pending + line).strip()
            pending = ""
    if pending.strip():
        yield pending.strip()


def _copied(arguments: str) -> list[str] | None:
    """Sources of one COPY or ADD, relative to the context; none when they come from another stage or the network."""
    while match := _FLAG.match(arguments):
        if match[0].startswith("--from="):
            return []
        arguments = arguments[match.end() :]
    try:
        words = shlex.split(arguments.strip("[]").replace(",", " ") if arguments.startswith("[") else arguments)
    except ValueError:
        return None
    sources = [word for word in words[:-1] if "://" not in word]
    if any("$" in word or word.count("*") > 3 or ".." in word or "<<" in word for word in sources):
        return None
    return [posixpath.normpath(word.lstrip("/") or ".") for word in sources]


def _plain(line: str, marks: list[str]) -> list[str]:
    match = _INSTRUCTION.match(line)
    word = match[1].upper() if match else ""
    if word == "FROM":
        return [line, *marks]
    if word == "RUN":
        return [_CACHES.sub("", line)]
    return [_LINK.sub("", line) if word == "COPY" else line]
