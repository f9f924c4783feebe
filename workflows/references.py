"""Secrets by reference: settings and tables name where one is kept, and it is read where it is used."""

from __future__ import annotations

import re
from pathlib import Path

from workflows.settings import host_variables

MOST = 64 << 10
_FORM = re.compile(r"(file:/|env:[A-Za-z_][A-Za-z0-9_]*\Z)[^\x00-\x1f]*")


class ReferenceBroken(ValueError):
    """A reference leads to no secret; the message names the reference, never what it holds."""


def checked(reference: str) -> str:
    """The reference, when it has the form of one. Raises ReferenceBroken."""
    if len(reference) > 4096 or not _FORM.fullmatch(reference):
        raise ReferenceBroken("a secret is named by file:/PATH or env:NAME, it is never given itself")
    return reference


def secret(reference: str) -> str:
    """What is kept there, without white space around it. Raises ReferenceBroken."""
    kind, _, name = checked(reference).partition(":")
    found = host_variables().get(name, "") if kind == "env" else _read(Path(name), reference)
    if not found.strip():
        raise ReferenceBroken(f"{reference} is empty, or not there")
    if not found.strip().isascii() or not found.strip().isprintable():
        raise ReferenceBroken(f"{reference} holds more than a line of plain text")
    return found.strip()


def _read(path: Path, reference: str) -> str:
    try:
        if not path.is_file():
            raise ReferenceBroken(f"{reference}: there is no such file")
        with path.open("rb") as file:
            data = file.read(MOST + 1)
        if len(data) > MOST:
            raise ReferenceBroken(f"{reference} is too large for a secret")
        return data.decode("utf-8")
    except OSError as error:
        raise ReferenceBroken(f"{reference} cannot be read: {error.strerror}") from error
    except UnicodeError:
        raise ReferenceBroken(f"{reference} holds no text") from None
