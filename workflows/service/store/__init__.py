"""The store on Postgres: `open_store` gives what the API and the workers ask."""

from __future__ import annotations

from workflows.service.store.postgres_store import PostgresStore, open_store

__all__ = ["PostgresStore", "open_store"]
