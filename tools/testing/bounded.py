"""Text of hostile programs made fit to keep: valid Unicode, no control sequences, bounded."""

from __future__ import annotations

import re

ID, MESSAGE, TEXT = 4_000, 4_000, 20_000
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")
_SPELLED = re.compile(r"\\u(dc[89a-f][0-9a-f])")
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def clean(text: str, limit: int = TEXT) -> str:
    """`text` without terminal escapes, control characters and lone surrogates, its middle dropped above `limit`."""
    text = clip(text, 4 * limit) if len(text) > 8 * limit else text
    text = _ESCAPES.sub("", text) if "\x1b" in text else text
    return clip(unicode_only(_CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))), limit)


def clean_id(text: str) -> str:
    """A test's id: as it is, but valid Unicode and bounded."""
    return unicode_only(text)[:ID]


def named(test: str) -> str:
    """The node id that `clean_id` made this of: bytes of a file's name that are no UTF-8 are surrogates again."""
    file, separator, rest = test.partition("::")
    return _SPELLED.sub(lambda match: chr(int(match[1], 16)), file) + separator + rest


def unicode_only(text: str) -> str:
    """`text` with lone surrogates written as escapes."""
    return _SURROGATES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def clip(text: str, limit: int) -> str:
    """Head and tail of a text that is too long, with a line that says how much is missing."""
    if len(text) <= limit:
        return text
    mark = f"\n[... {len(text) - limit} characters dropped ...]\n"
    room = max(0, limit - len(mark))
    head = room * 3 // 5
    return text[:head] + mark + text[len(text) - (room - head) :]
