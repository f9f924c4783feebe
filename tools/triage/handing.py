"""Whether a diagnosis can start from a note."""

from __future__ import annotations

from tools.triage.values import Note


def lacking(note: Note) -> str:
    """What a diagnosis would miss, "" for nothing: then it can start from `reproduction`, at `revision`."""
    if note.cause != "change":
        return "the cause that the note names is no change of the code"
    if not note.reproduction:
        return "no stack trace has a frame in the repository's code; a failing test is needed (patchwright diagnose)"
    return ""
