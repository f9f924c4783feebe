"""Schema 2: callbacks, and the removal of old runs."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS: tuple[str, ...] = (
    """
    create table callbacks (
        run text primary key references runs on delete cascade,
        tenant text not null,
        id text not null default 'msg_' || replace(gen_random_uuid()::text, '-', ''),
        url text not null,
        state text not null default 'waiting' check (state in ('waiting', 'due', 'delivered', 'given_up')),
        due timestamptz,                -- when it is sent next
        leased timestamptz,             -- until when one sender has it
        tries integer not null default 0,
        status integer,                 -- of HTTP, of the last try
        problem text not null default '',
        settled timestamptz
    )
    """,
    "create index callbacks_due on callbacks (due) where state = 'due'",
    "create index callbacks_leased on callbacks (tenant, leased) where state = 'due'",
    "create index runs_finished on runs (finished) where finished is not null",
    "alter table runs add column removing timestamptz",  # when somebody began to remove it
    "create index audit_at on audit (at)",
)


def upgrade() -> None:
    """Forward only."""
    for statement in STATEMENTS:
        op.execute(statement)
