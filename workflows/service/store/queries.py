"""The SQL of `queries.sql`, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

_HEAD = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@cache
def queries() -> Mapping[str, bytes]:
    """All queries. They are bytes, which nothing is ever formatted into: values are parameters."""
    text = resources.files("workflows.service.store").joinpath("queries.sql").read_text(encoding="utf-8")
    _, *parts = _HEAD.split(text)
    return {name: sql.strip().encode() for name, sql in zip(parts[::2], parts[1::2], strict=True)}
