"""GitHub as a Forge: what it is asked with tokens that read, and what is said with tokens that write."""

from __future__ import annotations

import httpx

from workflows.github.client.access import Access
from workflows.github.client.pace import Pace
from workflows.github.client.reads import GithubReads
from workflows.github.client.says import GithubSays


class GithubForge(GithubReads, GithubSays):
    """Implements Forge, for the one process that publishes."""

    def __init__(self, access: Access, downloads: httpx.AsyncClient, pace: Pace | None = None) -> None:
        GithubReads.__init__(self, access, downloads)
        GithubSays.__init__(self, access, pace or Pace())


__all__ = ["GithubForge", "GithubReads"]
