"""Schema 6: alerts, the incidents that they make up, and what was said of them where."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS: tuple[str, ...] = (
    """
    create table oncall_incidents (
        id text primary key,
        seq bigint generated always as identity,
        tenant text not null,
        state text not null check (state in ('open', 'resolved', 'merged')),
        title text not null,
        severity text not null default '',
        services text not null,         -- JSON in ASCII, as are the other lists
        titles text not null,
        messages bigint not null default 0,
        alerts bigint not null default 0,
        firing bigint not null default 0,
        flaps bigint not null default 0,
        since bigint not null,          -- of the alerts' own times, seconds since 1970
        until bigint not null,
        storm boolean not null default false,
        manual boolean not null default false,
        merged text not null default '',
        opened timestamptz not null default now(),
        touched timestamptz not null default now(), -- when the last message came
        closed timestamptz,
        revision bigint not null default 1,         -- of what is told of it
        wanted bigint not null default 1,           -- of what is to be looked into
        looked bigint not null default 0,           -- the one that the note is of
        looks integer not null default 0,
        due timestamptz not null default now(),
        lease timestamptz,
        attempts bigint not null default 0,         -- ever: each names the one who has the lease
        tries integer not null default 0,           -- since the last look that came to an end
        note text,                      -- JSON in ASCII
        noted timestamptz,
        cause text not null default '', -- its id, the same when it comes again
        problem text not null default ''
    )
    """,
    "create index oncall_incidents_tenant on oncall_incidents (tenant, seq)",
    "create index oncall_incidents_live on oncall_incidents (tenant, touched) where state <> 'merged'",
    "create index oncall_incidents_due on oncall_incidents (due) where looked < wanted and state <> 'merged'",
    "create index oncall_incidents_cause on oncall_incidents (tenant, cause) where cause <> ''",
    """
    create table oncall_alerts (
        tenant text not null,
        fingerprint text not null,
        incident text not null references oncall_incidents (id) on delete cascade,
        firing boolean not null,
        starts bigint not null,
        ends bigint not null,
        value text not null,            -- JSON in ASCII
        joined timestamptz not null default now(),  -- when it became part of its incident: many at once are a storm
        primary key (tenant, fingerprint, incident) -- an incident that is over keeps its alerts
    )
    """,
    "create index oncall_alerts_incident on oncall_alerts (incident)",
    "create index oncall_alerts_joined on oncall_alerts (tenant, joined)",
    """
    create table oncall_messages (
        tenant text not null,
        digest text not null,           -- of the source and the body
        at timestamptz not null default now(),
        primary key (tenant, digest)
    )
    """,
    "create index oncall_messages_at on oncall_messages (at)",
    """
    create table oncall_deliveries (
        incident text not null references oncall_incidents (id) on delete cascade,
        channel text not null,
        told bigint not null default 0, -- the revision that the channel shows
        stage text not null default '', -- what it was last told: opened, noted, resolved
        turns integer not null default 0,           -- how often that changed
        reference text not null default '',         -- what the channel calls its message
        trying bigint not null default 0,           -- a revision that may have been told without our knowing
        attempts bigint not null default 0,         -- ever: each names the one who has the lease
        tries integer not null default 0,           -- since it was last told
        due timestamptz not null default now(),
        lease timestamptz,
        problem text not null default '',
        dead boolean not null default false,
        died text not null default '',  -- the stage that it could not be told of
        primary key (incident, channel)
    )
    """,
    """
    create table oncall_feedback (
        incident text not null references oncall_incidents (id) on delete cascade,
        token text not null,
        verdict text not null,
        comment text not null default '',
        at timestamptz not null default now(),
        primary key (incident, token)
    )
    """,
)


def upgrade() -> None:
    """Forward only."""
    for statement in STATEMENTS:
        op.execute(statement)
