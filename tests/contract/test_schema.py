"""Databases of earlier versions are brought forward, and what they hold is still read."""

from __future__ import annotations

import hashlib
import re
from importlib import resources

import psycopg
from psycopg.conninfo import make_conninfo

from agent.domain import Request
from tests import postgres
from workflows.service.schema import HEAD, TABLE, migrate
from workflows.service.store import open_store
from workflows.service.store.rows import kept
from workflows.service.values import Feedback, Principal, Submission
from workflows.settings import Settings

OLDEST = "0001"
RUN = "20250101-000000-" + "a" * 32
SECRET = "pw_of_an_earlier_version"
ADA = Principal(tenant="ada", token="t1", scopes=frozenset({"read", "submit"}))
REQUEST = kept(Request(source="https://example.org/r.git"))
CONTENT = kept(Submission(request=Request(source="https://example.org/r.git"), log="a log"))
# As that version wrote them: these are never brought up to date with the schema.
ROWS: tuple[tuple[str, tuple[object, ...]], ...] = (
    (
        """
        insert into runs (id, tenant, state, request, priority, slot, last_seq, finished, outcome, headline)
        values (%s, 'ada', 'finished', %s, 0, 0, 2, now(), 'diagnosed', 'found')
        """,
        (RUN, REQUEST),
    ),
    ("insert into submissions (run, content) values (%s, %s)", (RUN, CONTENT)),
    ("insert into run_events (run, seq, kind) values (%s, 1, 'queued'), (%s, 2, 'finished')", (RUN, RUN)),
    ("insert into idempotency (tenant, key, fingerprint, run) values ('ada', %s, 'f', %s)",
     (hashlib.sha256(b"k").hexdigest(), RUN)),
    ("insert into tokens (id, tenant, name, hash, scopes) values ('t1', 'ada', 'ci', %s, '{read,submit}')",
     (hashlib.sha256(SECRET.encode()).digest(),)),
    ("insert into audit (tenant, token, action, subject, detail) values ('ada', 't1', 'submit', %s, '')", (RUN,)),
    ("insert into feedback (tenant, run, token, verdict, comment) values ('ada', %s, 't1', 'right', '')", (RUN,)),
    ("insert into tenants (tenant, queued, running) values ('ada', 7, 2)", ()),
)  # fmt: skip


def test_this_versions_schema_is_the_newest_file() -> None:
    """A step that was added without raising HEAD would leave every node unready."""
    files = resources.files("workflows.service.migrations.versions").iterdir()
    steps = [found[1] for file in files if (found := re.match(r"r(\d{4})_\w+\.py$", file.name))]
    assert max(steps) == HEAD
    assert sorted(steps) == [f"{number:04}" for number in range(1, len(steps) + 1)]


async def test_a_database_of_the_oldest_version_is_brought_forward_with_all_it_holds() -> None:
    """Run, events, token, key and feedback of then are read, and new ones are written beside them."""
    with postgres.running() as address:
        old = make_conninfo(address, dbname="old")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("create database old")
        await migrate(old, to=OLDEST)
        with psycopg.connect(old) as connection:
            assert connection.execute(f"select version_num from {TABLE}").fetchone() == (OLDEST,)  # noqa: S608
            for sql, values in ROWS:
                connection.execute(sql.encode(), values)
        for _ in range(2):
            await migrate(old)
        async with open_store(old, Settings()) as store:
            await store.ready()
            run = await store.run("ada", RUN)
            assert run is not None
            assert (run.state, run.outcome, run.headline, run.request.source) == (
                "finished", "diagnosed", "found", "https://example.org/r.git",
            )  # fmt: skip
            assert [event.kind for event in await store.events("ada", RUN)] == ["queued", "finished"]
            assert [shown.id for shown in (await store.runs("ada")).runs] == [RUN]
            assert await store.principal(SECRET) == ADA
            wanted = Submission(request=Request(source="https://example.org/r.git"))
            again, fresh = await store.submit(ADA, wanted, key="k", fingerprint="f")
            assert (again.id, fresh) == (RUN, False)
            assert (await store.submit(ADA, wanted, key="new", fingerprint="f"))[1]
            assert await store.feedback(ADA, Feedback(run=RUN, verdict="wrong"))
