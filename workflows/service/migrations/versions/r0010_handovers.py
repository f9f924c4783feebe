"""Schema 10: incidents that are handed over to a diagnosis, which looks for a patch."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS: tuple[str, ...] = (
    """
    alter table oncall_incidents
        add column patch_state text not null default ''
            check (patch_state in ('', 'wanted', 'running', 'ended', 'refused')),
        add column patch_cause text not null default '',    -- id of the cause that it is about
        add column patch_turn integer not null default 0,   -- how often it was asked for
        add column patch_token text not null default '',    -- id of the token that asked, or who did
        add column patch_run text not null default '',
        add column patch_outcome text not null default '',
        add column patch_headline text not null default '',
        add column patch_problem text not null default '',
        add column patch_due timestamptz not null default now(),
        add column patch_lease timestamptz,
        add column patch_attempts bigint not null default 0,    -- ever: each names the one who has the lease
        add column patch_tries integer not null default 0       -- since it was asked for
    """,
    "create index oncall_incidents_patch on oncall_incidents (patch_due) where patch_state in ('wanted', 'running')",
)


def upgrade() -> None:
    """Forward only."""
    for statement in STATEMENTS:
        op.execute(statement)
