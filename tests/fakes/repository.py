"""Real git repositories for tests, written by one `git fast-import`: hundreds of commits in a few milliseconds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

START = 1_700_000_000
_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


@dataclass
class Story:
    """Commits in the order they are told, one minute apart; `write` makes the repository and names them."""

    stream: bytearray = field(default_factory=bytearray)
    count: int = 0

    def commit(
        self,
        files: Mapping[str, str | bytes | None],
        *,
        parents: Sequence[int] | None = None,
        message: str | bytes = "a change",
        author: str = "Ada",
    ) -> int:
        """Add a commit: files set (None: removed) on top of the first parent. parents: the previous one by default."""
        before = parents if parents is not None else ([self.count] if self.count else [])
        self.count += 1
        text = message.encode() if isinstance(message, str) else message
        when = f"{START + 60 * self.count} +0000"
        self._line(f"commit refs/heads/line-{self.count}\nmark :{self.count}")
        self._line(f"author {author} <a@example.org> {when}\ncommitter {author} <a@example.org> {when}")
        self._data(text)
        for word, parent in zip(["from", *["merge"] * len(before)], before, strict=False):
            self._line(f"{word} :{parent}")
        for name, content in files.items():
            quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
            self._line(f"D {quoted}" if content is None else f"M 100644 inline {quoted}")
            if content is not None:
                self._data(content.encode() if isinstance(content, str) else content)
        self._line("")
        return self.count

    def write(self, place: Path, *, main: int | None = None) -> dict[int, str]:
        """Make `place` a bare repository whose `main` is the last commit; the commits' hashes by number."""
        _git("init", "--bare", "--quiet", "--initial-branch=main", str(place))
        marks = place / "marks"
        _git("-C", str(place), "fast-import", "--quiet", f"--export-marks={marks}", stdin=bytes(self.stream))
        names = dict(line[1:].split() for line in marks.read_text().splitlines())
        hashes = {int(mark): name for mark, name in names.items()}
        _git("-C", str(place), "update-ref", "refs/heads/main", hashes[main or self.count])
        return hashes

    def _line(self, text: str) -> None:
        self.stream += text.encode() + b"\n"

    def _data(self, content: bytes) -> None:
        self.stream += b"data %d\n%s\n" % (len(content), content)


def _git(*args: str, stdin: bytes = b"") -> None:
    subprocess.run(["git", *args], input=stdin, check=True, capture_output=True, env=_ENVIRONMENT)


def tag(place: Path, name: str, commit: str) -> None:
    """A lightweight tag or any other ref (`name` from `refs/`)."""
    _git("-C", str(place), "update-ref", name if name.startswith("refs/") else f"refs/tags/{name}", commit)


def configure(place: Path, key: str, value: str) -> None:
    """Set a value in the repository's own configuration."""
    _git("-C", str(place), "config", key, value)
