"""Schema 8: reactions to commands on GitHub."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS: tuple[str, ...] = (
    """
    create table github_reactions (
        place bigint not null,
        comment bigint not null,
        reaction text not null,
        value text not null,            -- JSON in ASCII: the repository
        seq bigint generated always as identity,
        state text not null default 'todo' check (state in ('todo', 'done')),
        attempts integer not null default 0,
        due timestamptz not null default now(),
        asked timestamptz not null default now(),
        primary key (place, comment, reaction)
    )
    """,
    "create index github_reactions_todo on github_reactions (due) where state = 'todo'",
)


def upgrade() -> None:
    """Forward only."""
    for statement in STATEMENTS:
        op.execute(statement)
