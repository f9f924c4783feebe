"""Source files in unusual forms: the same code with other white space."""

from __future__ import annotations

import re


def as_is(code: str) -> str:
    """Four spaces and line feeds."""
    return code


def with_tabs(code: str) -> str:
    """Indented by tabs."""
    return re.sub(r"^(?:    )+", lambda found: "\t" * (len(found.group()) // 4), code, flags=re.MULTILINE)


def with_carriage_returns(code: str) -> str:
    """As on Windows."""
    return code.replace("\n", "\r\n")


def with_old_line_ends(code: str) -> str:
    """As on old Macs."""
    return code.replace("\n", "\r")


def marked_and_open_ended(code: str) -> str:
    """With a byte order mark and form feeds, without the last line end."""
    return f"\ufeff{code.rstrip()}".replace("\n\n", "\n\x0c\n")


FORMS = (as_is, with_tabs, with_carriage_returns, with_old_line_ends, marked_and_open_ended)
