"""A red job beside the last green run of the same job: what it says that the green one never did, and what it
installed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

from tools.ci.plain import plain, told
from tools.ci.read import read_job
from tools.ci.steps import whole_lines
from tools.ci.values import JobLog, Version
from tools.values import Value

MAX_TEMPLATES = 2_000_000
MAX_NEW = 50
MAX_CHANGED = 500
# Numbers with what they are part of (times, sizes, versions, addresses), hashes, and scratch paths.
_VARIABLE = re.compile(r"/tmp/[^\s:'\"]+|\b[a-f]{0,8}\d[\w.,:-]*%?")  # noqa: S108 - a pattern
_WORD = re.compile(r"\w")
_LONG = re.compile(r"^([^\n]{1000})[^\n]+", re.MULTILINE)


class Change(Value):
    """A dependency or tool whose version differs; "" where it is only on one side."""

    ecosystem: str
    name: str
    before: str
    after: str


class Comparison(Value):
    """new: lines of the failing step whose template the green log does not have, in order; changed: versions."""

    new: tuple[str, ...] = ()
    changed: tuple[Change, ...] = ()


def compare(red: JobLog, green: Iterable[bytes]) -> Comparison:
    """red: a job that failed; green: the raw log of a run of the same job that did not. Both are read once."""
    known: set[int] = set()
    log = read_job(_learning(green, known))
    new: dict[str, str] = {}
    header = _header(red)
    for line in red.output.split("\n"):
        template = "" if line.startswith(("##[group]", "##[endgroup]")) or line.strip() in header else template_of(line)
        if len(template) > 2 and zlib.crc32(template.encode()) not in known:
            new.setdefault(template, told(line.strip(), 300))
        if len(new) >= MAX_NEW:
            break
    return Comparison(
        new=tuple(new.values()), changed=changes((*log.versions, *log.dependencies), (*red.versions, *red.dependencies))
    )


def _header(log: JobLog) -> frozenset[str]:
    """The lines by which the failing step begins: its script and its shell."""
    step = next((step for step in log.steps if step.number == log.failing), None)
    return frozenset((*step.command.split("\n"), f"shell: {step.shell}")) if step else frozenset()


def changes(before: Iterable[Version], after: Iterable[Version]) -> tuple[Change, ...]:
    """What differs between two lists of versions. Dependencies that only one side names count only where both sides
    name
    others of their ecosystem: a cache can hide a whole list.
    """
    old = {(version.ecosystem, version.name): version.version for version in before}
    new = {(version.ecosystem, version.name): version.version for version in after}
    both = {ecosystem for ecosystem, _ in old} & {ecosystem for ecosystem, _ in new} - {"tool"}
    keys = sorted(key for key in old.keys() | new.keys() if (key in old and key in new) or key[0] in both)
    found = (Change(ecosystem=key[0], name=key[1], before=old.get(key, ""), after=new.get(key, "")) for key in keys)
    return tuple(change for change in found if change.before != change.after)[:MAX_CHANGED]


def template_of(line: str) -> str:
    """A line with what differs from run to run taken out: numbers, times, sizes, hashes, addresses, scratch paths."""
    return _shape_of(_VARIABLE.sub("#", line[:1_000]))


def _shape_of(line: str) -> str:
    """The line without its margins; empty for one without a word, such as a ruler."""
    return line.strip() if _WORD.search(line) else ""


def _learning(blocks: Iterable[bytes], known: set[int]) -> Iterator[bytes]:
    """The same bytes, with the templates of their lines put into `known` as they go by."""
    for block in whole_lines(blocks):
        if len(known) < MAX_TEMPLATES:
            text = _VARIABLE.sub("#", _LONG.sub(r"\1", plain(block)))
            known.update(zlib.crc32(_shape_of(line).encode()) for line in set(text.split("\n")))
        yield block
