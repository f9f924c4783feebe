"""Which paths an assistant may name: those below the directories that the user passed, wherever links lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workflows.exits import Refused
from workflows.inputs import is_url


@dataclass(frozen=True)
class Roots:
    """Directories, resolved. urls: whether git URLs are taken too."""

    folders: tuple[Path, ...]
    urls: bool = False

    @classmethod
    def of(cls, given: Sequence[Path], *, urls: bool) -> Roots:
        """Raises Refused for what is no directory."""
        for folder in given:
            if not folder.is_dir():
                raise Refused(f"--root {folder}: no such directory")
        return cls(tuple(folder.resolve() for folder in given), urls)

    def source(self, text: str) -> str:
        """A repository: a directory below a root, or a URL where those are taken. Raises Refused."""
        if is_url(text):
            if not self.urls:
                raise Refused("git URLs are not taken: the server was started without --urls")
            if text.lower().startswith("file:"):  # a path in disguise, which no root bounds
                raise Refused("file URLs are not taken: name the directory")
            return text
        found = self._inside(text)
        if not found.is_dir():
            raise Refused(f"{text!r} is no directory")
        return str(found)

    def file(self, text: str) -> Path:
        """A regular file below a root. Raises Refused."""
        found = self._inside(text)
        if not found.is_file():
            raise Refused(f"{text!r} is no file")
        return found

    def _inside(self, text: str) -> Path:
        """What is outside and what does not exist get the same answer: nobody learns what lies outside."""
        given = Path(text)
        choices = [given] if given.is_absolute() else [folder / given for folder in self.folders]
        for choice in choices:
            try:
                found = choice.resolve(strict=True)
            except (OSError, ValueError, RuntimeError):
                continue
            if any(found == folder or found.is_relative_to(folder) for folder in self.folders):
                return found
        allowed = ", ".join(map(str, self.folders))
        raise Refused(f"{text[:200]!r} is not there, or not below a directory that the user allowed ({allowed})")
