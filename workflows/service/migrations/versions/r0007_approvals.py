"""Schema 7: what runs ask of people, and callbacks that tell of it."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0005"

STATEMENTS: tuple[str, ...] = (
    "alter table runs drop constraint runs_state_check",
    """
    alter table runs add constraint runs_state_check check (state in
        ('queued', 'running', 'waiting_for_approval', 'finished', 'failed', 'cancelled', 'timed_out'))
    """,
    "drop index runs_live",
    """
    create index runs_live on runs (tenant, state)
        where state in ('queued', 'running', 'waiting_for_approval')
    """,
    """
    create table approvals (
        run text not null references runs on delete cascade,
        id text not null,
        tenant text not null,
        subject text not null,
        question text not null,
        detail text not null,
        consequence text not null,
        asked timestamptz not null default now(),
        expires timestamptz not null,
        decision text check (decision in ('approve', 'deny', 'message', 'expired', 'withdrawn')),
        note text not null default '',
        more text,                      -- JSON in ASCII: what was told
        decided timestamptz,
        token text,                     -- who decided
        primary key (run, id)
    )
    """,
    "create index approvals_open on approvals (expires) where decision is null",
    # A callback for the end, and one for each question: named by it.
    "alter table callbacks add column about text not null default 'ended'",
    "alter table callbacks drop constraint callbacks_pkey",
    "alter table callbacks add primary key (run, about)",
)


def upgrade() -> None:
    """Forward only."""
    for statement in STATEMENTS:
        op.execute(statement)
