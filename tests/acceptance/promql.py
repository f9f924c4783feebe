"""What an expression of Prometheus asks for: names of figures and of labels."""

from __future__ import annotations

import re

_WORDS = {"and", "or", "unless", "on", "ignoring", "by", "without", "bool", "offset", "group_left", "group_right"}
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_RANGE = re.compile(r"\[[0-9smhdwy:]+\]")
_MATCHERS = re.compile(r"\{([^{}]*)\}")
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^()]*)\)")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\w)(?!\s*\()")
_LABEL = re.compile(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)")


def asked(expression: str) -> tuple[set[str], set[str]]:
    """Names of figures, names of labels."""
    bare = _RANGE.sub("", _TEXT.sub('""', expression))
    labels = {name for part in _MATCHERS.findall(bare) for name in _LABEL.findall(part)}
    bare = _MATCHERS.sub("", bare)
    labels |= {name.strip() for part in _GROUPED.findall(bare) for name in part.split(",") if name.strip()}
    return set(_NAME.findall(_GROUPED.sub(" ", bare))) - _WORDS, labels
