"""Repositories of tasks that are named by a URL, cloned once for all tasks of an evaluation."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.access import Access
from sandbox.environment_cache import remove_tree
from sandbox.git import GitFailed, run_git
from sandbox.protocol import Sandboxes
from sandbox.source import acquire
from sandbox.urls import UrlPolicy
from workflows.inputs import is_url


@dataclass(frozen=True)
class Clones:
    """folder: where they are kept."""

    folder: Path
    policy: UrlPolicy = field(default_factory=UrlPolicy)
    _locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def near(self, source: str, rev: str | None, *, sandboxes: Sandboxes, access: Access) -> str:
        """What to take `source` at `rev` from: a clone at hand where that has it. Raises SourceInvalid."""
        if rev is None or not is_url(source):
            return source
        place = self.folder / hashlib.sha256(source.encode()).hexdigest()[:20]
        async with self._locks[source]:
            if not place.exists():
                incoming = place.with_suffix(".incoming")
                await acquire(
                    source, rev=rev, destination=incoming, sandboxes=sandboxes, access=access, policy=self.policy
                )
                remove_tree(incoming / "base")
                incoming.rename(place)
        repository = place / "repository.git"
        try:
            await run_git(repository, "cat-file", "-e", f"{rev}^{{commit}}")
        except GitFailed:
            return source  # a commit of no branch, which only the origin may give out
        return str(repository)
