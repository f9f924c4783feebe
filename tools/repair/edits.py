"""Edits of texts: checked, applied, put together, and shown as a diff that `git apply` takes byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from tools.patches import FileChange, diff_of
from tools.texts import Text
from tools.tool import ToolError
from tools.values import Candidate, Edit


class EditInvalid(ToolError):
    """An edit lies outside its text, overlaps another, or names a file that is not there."""


def apply(text: str, edits: Iterable[Edit]) -> str:
    """`text` with all edits (of one file, any order). Raises EditInvalid.

    Two insertions at one place keep their order; an insertion may touch a replacement.
    """
    parts, position = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if not 0 <= edit.start <= edit.end <= len(text):
            raise EditInvalid(f"{edit.file}: [{edit.start}, {edit.end}) is not within its {len(text)} characters")
        if edit.start < position:
            raise EditInvalid(f"{edit.file}: edits overlap at character {edit.start}")
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, text[position:]])


def by_file(edits: Iterable[Edit]) -> dict[str, tuple[Edit, ...]]:
    """Edits of each file, files in the order of their names."""
    found: dict[str, list[Edit]] = {}
    for edit in edits:
        found.setdefault(edit.file, []).append(edit)
    return {file: tuple(found[file]) for file in sorted(found)}


def holds(sources: Mapping[str, Text], edits: Iterable[Edit]) -> bool:
    """Whether each edit can be written in the encoding of its file."""
    return all(edit.file in sources and sources[edit.file].holds(edit.text) for edit in edits)


def changes(sources: Mapping[str, Text], edits: Iterable[Edit]) -> tuple[FileChange, ...]:
    """Each edited file before and after, as it is on disk. Raises EditInvalid."""
    result = []
    for file, own in by_file(edits).items():
        if file not in sources:
            raise EditInvalid(f"{file}: no such file among the sources")
        source = sources[file]
        try:
            new = source.on_disk(apply(source.text, own))
        except UnicodeEncodeError as error:
            raise EditInvalid(f"{file}: its encoding, {source.encoding}, does not hold the edit") from error
        result.append(FileChange(path=file, old=source.on_disk(source.text), new=new))
    return tuple(result)


def unified_diff(sources: Mapping[str, Text], edits: Iterable[Edit]) -> str:
    """The edits as a git-style diff, "" when they change nothing. Raises EditInvalid."""
    return diff_of(changes(sources, edits))


def compatible(one: Candidate, other: Candidate) -> bool:
    """Whether the edits of two candidates can stand together: they do not touch the same characters or place."""
    for edit in one.edits:
        for against in other.edits:
            if edit.file == against.file and edit.start <= against.end and against.start <= edit.end:
                return False
    return True


def combine(one: Candidate, other: Candidate) -> Candidate:
    """One candidate with the edits of two compatible ones."""
    return Candidate(
        id=f"{one.id}+{other.id}",
        edits=(*one.edits, *other.edits),
        template=f"{one.template}+{other.template}",
        line=one.line,
        description=f"{one.description}; {other.description}",
        prior=one.prior * other.prior,
        score=one.score * other.score,
        tags=tuple(dict.fromkeys((*one.tags, *other.tags, "combined"))),
    )


def digest(text: str) -> str:
    """What the trial server compares a file's text with: its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
