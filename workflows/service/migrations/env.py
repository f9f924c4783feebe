"""Run by alembic: migrates on the connection that `workflows/service/schema.py` hands in."""

from __future__ import annotations

from alembic import context

from workflows.service.schema import TABLE

context.configure(connection=context.config.attributes["connection"], version_table=TABLE)
with context.begin_transaction():
    context.run_migrations()
