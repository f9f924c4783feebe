"""The SQL of the `*.sql` files of this package, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

_HEAD = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@cache
def queries() -> Mapping[str, bytes]:
    """All queries. They are bytes, which nothing is ever formatted into: values are parameters."""
    found: dict[str, bytes] = {}
    for file in sorted(resources.files("workflows.service.store").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            _, *parts = _HEAD.split(file.read_text(encoding="utf-8"))
            for name, sql in zip(parts[::2], parts[1::2], strict=True):
                if name in found:
                    raise ValueError(f"two queries are called {name}")
                found[name] = sql.strip().encode()
    return found
