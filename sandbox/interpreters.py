"""Python interpreters of this machine, found by name and never started, and the choice of one for a repository."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

OLDEST = (3, 8)  # what runs inside the sandbox supports this and later
_NAME = re.compile(r"python3\.(\d{1,2})$")
_CLASSIFIER = re.compile(r"^Programming Language :: Python :: (\d+\.\d+)$")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One installed Python. path: its executable, links resolved; prefix: must be visible with it."""

    path: Path
    version: tuple[int, ...]

    @property
    def prefix(self) -> Path:
        return self.path.parent.parent

    @property
    def minor(self) -> tuple[int, int]:
        return self.version[0], self.version[1]

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a repository says about its Python. requires: specifiers ("" for none); classifiers: as in its metadata;
    preferred: a version such as "3.9" of `.python-version` or of the user ("" for none).
    """

    requires: str = ""
    classifiers: tuple[str, ...] = ()
    preferred: str = ""


def own_interpreter() -> Interpreter:
    """The interpreter that runs Patchwright, outside its virtual environment."""
    base = Path(sys.base_prefix) / "bin"
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = next((p for p in (base / name, base / "python3") if p.exists()), Path(sys.executable))
    return Interpreter(found.resolve(), sys.version_info[:3])


def host_interpreters(home: Path | None = None) -> tuple[Interpreter, ...]:
    """Interpreters of Python 3.8 and later: our own first, then pyenv's, uv's and the system's, newest first."""
    own = own_interpreter()
    home = home or Path.home()
    places = [
        *(home / ".pyenv" / "versions").glob("3.*/bin/python3.*"),
        *(home / ".local" / "share" / "uv" / "python").glob("cpython-3.*/bin/python3.*"),
        *Path("/usr/local/bin").glob("python3.*"),
        *Path("/usr/bin").glob("python3.*"),
    ]
    found: dict[Path, Interpreter] = {own.path: own}
    for place in places:
        if (match := _NAME.search(place.name)) and place.is_file():
            real = place.resolve()
            found.setdefault(real, Interpreter(real, _version_of(real, int(match[1]))))
    others = [i for i in found.values() if i != own and i.version >= OLDEST]
    return (own, *sorted(others, key=lambda i: i.version, reverse=True))


def interpreter_at(path: Path) -> Interpreter | None:
    """The interpreter the user named by its path, or None when its name does not tell a version."""
    real = path.resolve()
    match = _NAME.search(real.name)
    return Interpreter(real, _version_of(real, int(match[1]))) if match and real.is_file() else None


def choose(found: Sequence[Interpreter], wanted: Wanted) -> Interpreter | None:
    """The interpreter to use, or None when none satisfies the requirement; the first of `found` is the default."""
    fitting = [i for i in found if _satisfies(i, wanted.requires)]
    if not fitting:
        return None
    if wanted.preferred and (exact := _preferred(fitting, wanted.preferred)):
        return exact
    newest = _newest_classified(wanted.classifiers)
    # One release further than the package knew is nearly always fine; two or more removes what old code needs.
    if newest and fitting[0].minor[0] == newest[0] and fitting[0].minor[1] >= newest[1] + 2:
        return min(fitting, key=lambda i: (abs(i.minor[1] - newest[1]), -i.minor[1]))
    return fitting[0]


def valid_specifier(text: str) -> str:
    """`text` when it is a specifier set, otherwise ""; a bare version "3.9" is read as "==3.9.*"."""
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)*", text):
        text = f"=={text}.*"
    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier:
        return ""


def _version_of(path: Path, minor: int) -> tuple[int, ...]:
    """3.9.18 from ".../versions/3.9.18/bin/python3.9" or "cpython-3.9.18-linux", else 3.9."""
    match = re.search(rf"(?:^|[-/])(3\.{minor}\.\d+)(?:[-/]|$)", str(path))
    try:
        return Version(match[1]).release if match else (3, minor)
    except InvalidVersion:
        return (3, minor)


def _satisfies(interpreter: Interpreter, requires: str) -> bool:
    release = interpreter.version if len(interpreter.version) > 2 else (*interpreter.version, 99)
    try:
        return SpecifierSet(requires).contains(Version(".".join(map(str, release))), prereleases=True)
    except InvalidSpecifier:
        return True


def _preferred(found: Iterable[Interpreter], preferred: str) -> Interpreter | None:
    numbers = tuple(int(n) for n in re.findall(r"\d+", preferred)[:3])
    matching = [i for i in found if len(numbers) >= 2 and i.minor == numbers[:2]]
    return next((i for i in matching if i.version == numbers), matching[0] if matching else None)


def _newest_classified(classifiers: Iterable[str]) -> tuple[int, int] | None:
    versions = [tuple(map(int, m[1].split("."))) for c in classifiers if (m := _CLASSIFIER.match(c.strip()))]
    newest = max(((v[0], v[1]) for v in versions if v[0] == 3), default=None)
    return max(newest, OLDEST) if newest else None
