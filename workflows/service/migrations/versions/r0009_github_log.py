"""Schema 9: how far GitHub's log of deliveries was read."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS: tuple[str, ...] = (
    """
    create table github_log (
        one boolean primary key default true check (one),
        read_until timestamptz not null
    )
    """,
    "create index github_redelivered_at on github_redelivered (at)",
)


def upgrade() -> None:
    """Forward only."""
    for statement in STATEMENTS:
        op.execute(statement)
