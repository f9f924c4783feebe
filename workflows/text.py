"""Text that came from outside, made safe to show: no terminal sequences, no invisible or reordering characters."""

from __future__ import annotations

import re

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC: titles, links, clipboards
    r"|\x1b[ -/]*[0-~]"  # two-character sequences
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def clean(text: str) -> str:
    """`text` without terminal sequences; other control, bidirectional, invisible and broken characters are spelled out.

    Newlines and tabs stay. What is left cannot move a cursor, forge another line's look, or fail to encode as UTF-8.
    """
    plain = _SEQUENCES.sub("", text.replace("\r\n", "\n"))
    return _UNSAFE.sub(lambda match: _spelled(ord(match[0])), plain)


def _spelled(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # a byte that was not UTF-8, as surrogateescape keeps it
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def brief(text: str, characters: int) -> str:
    """At most `characters` of cleaned text, saying how many were left out."""
    plain = clean(text)
    left_out = len(plain) - characters
    return plain if left_out <= 0 else f"{plain[:characters]}… ({left_out} more characters)"


def line(text: str, characters: int = 400) -> str:
    """Cleaned text on one line."""
    return brief(" ".join(text[: 8 * characters].split()), characters)
