"""Schema 3: who may fetch what."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS: tuple[str, ...] = (
    "alter table tenants add column git_hosts text[]",  # null: those of the settings
    """
    create table credentials (
        tenant text not null,
        host text not null,             -- with a port where it is not 443
        username text not null,
        reference text not null,        -- file:/PATH or env:NAME, never the secret
        created timestamptz not null default now(),
        primary key (tenant, host)
    )
    """,
)


def upgrade() -> None:
    """Forward only."""
    for statement in STATEMENTS:
        op.execute(statement)
