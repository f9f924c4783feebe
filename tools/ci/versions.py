"""Versions that a log names: of toolchains, and of what was installed from pip, npm, cargo and Go."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.ci.values import Version
from tools.ci.window import Window

MAX_VERSIONS = 5_000
_V = r"v?(\d[\w.+-]{0,40})"
_TOOLS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.MULTILINE))
    for name, pattern in (
        ("runner", rf"^Current runner version: '{_V}'"),
        ("runner", rf"^Running with gitlab-runner {_V}"),
        ("image", r"^Image: (\S{1,60})$"),
        ("image", r"^Using (?:Docker|Kubernetes) (?:executor with )?image:? (\S{1,100})"),
        ("git", rf"^git version {_V}"),
        ("python", rf"^Successfully set up (?:CPython|PyPy) \({_V}\)"),
        ("python", rf"^Python {_V}$"),
        ("python", rf"^platform \w+ -- Python {_V}"),
        ("pytest", rf"^platform [^\n]*, pytest-{_V}"),
        ("pip", rf"^pip {_V} from "),
        ("uv", rf"^uv {_V}"),
        ("node", rf"^(?:node|Node\.js):? {_V}"),
        ("node", rf"^Found in cache @ \S*/node/{_V}/"),
        ("npm", rf"^npm: {_V}"),
        ("vitest", rf"^[ \t]*(?:RUN|DEV)[ \t]+{_V}"),
        ("go", rf"^go version go{_V}"),
        ("rustc", rf"^(?:[ \t]*stable\S* \S* ?- )?rustc {_V}"),
        ("cargo", rf"^cargo {_V}"),
        ("gcc", rf"^(?:gcc|g\+\+|cc) \([^)\n]*\) {_V}"),
        ("clang", rf"^(?:\w+ )?clang version {_V}"),
        ("cmake", rf"^cmake version {_V}"),
        ("java", rf'^(?:openjdk|java) version "{_V}"'),
        ("java", rf"^Java version: {_V}"),
        ("java", rf"^[ \t]*(?:Resolved )?[Jj]ava {_V} "),
        ("maven", rf"^Apache Maven {_V}"),
        ("gradle", rf"^(?:Welcome to )?Gradle {_V}"),
        ("dotnet", rf"^(?:dotnet-install: Installed version is |[ \t]+Version:[ \t]+|\.NET SDK \(?){_V}"),
        ("docker", rf"^Docker version {_V}"),
        ("ruby", rf"^ruby {_V}"),
        ("php", rf"^PHP {_V}"),
    )
)
_INSTALLED: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.MULTILINE))
    for name, pattern in (
        ("pip", r"^(?:\s\+ )?([A-Za-z0-9][\w.-]{0,100})==([\w.!+]{1,60})$"),
        (
            "pip",
            r"^Requirement already satisfied: ([A-Za-z0-9][\w.-]{0,100})[^\n]{1,400} \(([\w.!+]{1,60})\)$",
        ),
        ("npm", r"^[│ ]{0,40}[├└+`][─-]{1,2}[┬-]? ?(@?[\w./-]{1,150})@(\d[\w.+-]{0,60})"),
        ("npm", r"^\+ (@?[\w./-]{1,150})[ @](\d[\w.+-]{0,60})$"),
        ("npm", r"^added (@?[\w./-]{1,150})@(\d[\w.+-]{0,60})$"),
        ("cargo", r"^[ \t]{1,12}(?:Compiling|Downloaded|Adding|Checking|Locking) ([\w-]{1,100}) v(\d[\w.+-]{0,60})"),
        ("go", r"^go: (?:downloading|added|upgraded) ([\w.-]+\.[\w./~-]{1,200}) (?:v\S{1,80} => )?(v\d[\w.+-]{0,80})$"),
        ("go", r"^([\w.-]+\.[a-z]{2,20}/[\w./~-]{1,200}) (v\d[\w.+-]{0,80})$"),
    )
)
_TOGETHER = re.compile(r"^Successfully installed ([^\n]{1,100000})$", re.MULTILINE)
# One of these is in every text with a version; steps that have none are not looked through.
_WORDS = (
    b"ersion",
    b"==",
    b"ython ",
    b"nstalled ",
    b"atisfied: ",
    b"@",
    b" v",
    b"mage",
    b"npm: ",
    b"node",
    b"stc ",
    b"radle ",
)


class Versions:
    """Gathers versions of a job while its steps go by; the first one of a tool and the last one of a dependency
    stay.
    """

    def __init__(self) -> None:
        self._tools: dict[str, str] = {}
        self._installed: dict[tuple[str, str], str] = {}

    def take(self, text: str) -> None:
        """Look through a step's text."""
        for name, pattern in _TOOLS:
            if name not in self._tools and (match := pattern.search(text)):
                self._tools[name] = match[1].rstrip(".")
        for ecosystem, name, version in installed_in(text):
            if len(self._installed) >= MAX_VERSIONS:
                return
            self._installed[(ecosystem, name)] = version

    @staticmethod
    def worth(window: Window) -> bool:
        """Whether a step's bytes can name a version at all."""
        return any(word in block for _, block in window.pieces() for word in _WORDS)

    @property
    def tools(self) -> tuple[Version, ...]:
        """Of toolchains."""
        return tuple(Version(ecosystem="tool", name=name, version=version) for name, version in self._tools.items())

    @property
    def dependencies(self) -> tuple[Version, ...]:
        """Of what was installed."""
        return tuple(
            Version(ecosystem=key[0], name=key[1], version=version) for key, version in sorted(self._installed.items())
        )


def installed_in(text: str) -> Iterator[tuple[str, str, str]]:
    """(ecosystem, name, version) of what a text says was installed."""
    for match in _TOGETHER.finditer(text):
        for word in match[1].split():
            name, separator, version = word.rpartition("-")
            if separator and version[:1].isdigit():
                yield "pip", _normal(name), version
    for ecosystem, pattern in _INSTALLED:
        for match in pattern.finditer(text):
            yield ecosystem, _normal(match[1]) if ecosystem == "pip" else match[1], match[2]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
