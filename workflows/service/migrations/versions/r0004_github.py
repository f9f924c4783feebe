"""Schema 4: deliveries and what was said on GitHub."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS: tuple[str, ...] = (
    """
    create table github_deliveries (
        digest text primary key,        -- of the event's name and the signed body: ids of deliveries are not signed
        guid text not null,
        event text not null,
        lane bigint not null,           -- the repository: its deliveries are worked on one after the other
        body text not null,             -- JSON in ASCII: what was read of the payload, never the payload
        state text not null check (state in ('todo', 'done', 'dead')),
        attempts integer not null default 0,
        lease timestamptz,              -- until when somebody works on it
        due timestamptz not null default now(),
        received timestamptz not null default now(),
        finished timestamptz,
        problem text not null default ''
    )
    """,
    "create index github_deliveries_todo on github_deliveries (due, received) where state = 'todo'",
    "create index github_deliveries_lane on github_deliveries (lane) where state = 'todo'",
    """
    create table github_cases (
        key text primary key,
        seq bigint generated always as identity,
        place bigint not null,
        subject bigint not null,
        installation bigint not null,
        head_sha text not null,
        state text not null,
        diagnosis text not null default '',
        value text not null,            -- JSON in ASCII
        opened timestamptz not null default now(),
        changed timestamptz not null default now()
    )
    """,
    "create index github_cases_subject on github_cases (place, subject, seq)",
    "create index github_cases_commit on github_cases (place, head_sha)",
    "create index github_cases_diagnosis on github_cases (diagnosis) where diagnosis <> ''",
    "create index github_cases_open on github_cases (installation) where state in ('new', 'diagnosing')",
    "create index github_cases_changed on github_cases (changed)",
    """
    create table github_published (
        place bigint not null,
        subject bigint not null,
        value text not null,
        changed timestamptz not null default now(),
        primary key (place, subject)
    )
    """,
    """
    create table github_access (
        installation bigint not null,
        repository bigint not null,     -- 0: all of the installation
        gone boolean not null,
        changed timestamptz not null default now(),
        primary key (installation, repository)
    )
    """,
    "create table github_redelivered (delivery bigint primary key, at timestamptz not null default now())",
)


def upgrade() -> None:
    """Forward only."""
    for statement in STATEMENTS:
        op.execute(statement)
