"""Runs, their events, and who may ask for them."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    create table runs (
        id text primary key,
        tenant text not null,
        state text not null check (state in
            ('queued', 'running', 'finished', 'failed', 'cancelled', 'timed_out')),
        request text not null,          -- JSON in ASCII: jsonb has no place for every string that arrives
        priority integer not null,
        slot integer not null,          -- one of the tenant's places to run in
        job bigint,                     -- the only job whose attempts count
        epoch integer not null default 0,
        lost integer not null default 0, -- attempts that ended without a word
        version integer not null default 1,
        last_seq bigint not null default 0,
        created timestamptz not null default now(),
        started timestamptz,
        finished timestamptz,
        deadline timestamptz,
        beat timestamptz not null default now(), -- the last sign of life
        outcome text,
        headline text not null default '',
        problem text not null default '',
        cancelling boolean not null default false
    )
    """,
    "create index runs_newest on runs (tenant, created desc, id desc)",
    "create index runs_live on runs (tenant, state) where state in ('queued', 'running')",
    "create table submissions (run text primary key references runs on delete cascade, content text not null)",
    """
    create table run_events (
        run text not null references runs on delete cascade,
        seq bigint not null,
        at timestamptz not null default now(),
        kind text not null,
        node text not null default '',
        text text not null default '',
        primary key (run, seq)
    )
    """,
    """
    create table idempotency (
        tenant text not null,
        key text not null,
        fingerprint text not null,
        run text not null references runs on delete cascade,
        created timestamptz not null default now(),
        primary key (tenant, key)
    )
    """,
    """
    create table tokens (
        id text primary key,
        tenant text not null,
        name text not null,
        hash bytea not null unique,
        scopes text[] not null,
        created timestamptz not null default now(),
        expires timestamptz,
        revoked timestamptz,
        used timestamptz
    )
    """,
    """
    create table audit (
        id bigint primary key generated always as identity,
        at timestamptz not null default now(),
        tenant text not null,
        token text not null,
        action text not null,
        subject text not null,
        detail text not null
    )
    """,
    """
    create table feedback (
        id bigint primary key generated always as identity,
        at timestamptz not null default now(),
        tenant text not null,
        run text not null references runs on delete cascade,
        token text not null,
        verdict text not null,
        comment text not null
    )
    """,
    "create table tenants (tenant text primary key, queued integer, running integer)",
)


def upgrade() -> None:
    """Forward only."""
    for statement in STATEMENTS:
        op.execute(statement)
