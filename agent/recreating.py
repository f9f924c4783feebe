"""Ways to repeat a failure that a log shows, from the sources of a base tree; nothing of it is run here."""

from __future__ import annotations

from pathlib import Path

from agent.texts import read_text
from sandbox.tree import Tree
from tools.recreate.drafts import drafted
from tools.recreate.values import Drafts
from tools.testing.paths import is_test_file

MOST_FILES, MOST_CHARS = 4_000, 30_000_000


def drafts_of(log: str, base: Path) -> Drafts:
    """See `Bench.drafts`. Files beyond the limits are left out."""
    sources: dict[str, str] = {}
    left = MOST_CHARS
    for file in [name for name in Tree(base).walk() if name.endswith(".py")][:MOST_FILES]:
        text = read_text(base, file)
        if text is not None and len(text.text) <= left:
            sources[file] = text.text
            left -= len(text.text)
    return drafted(log, sources, [file for file in sources if is_test_file(file)])
