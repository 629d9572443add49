"""The store's tables, and how a database is opened: SQLite with a write-ahead log, or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from cutaway.core.errors import CutawayError, FormatError, ResourceError, UsageError

VERSION = 1
WAIT = 5.0  # seconds for another process to be done with its writing

METADATA = MetaData()
VERSIONS = Table("cutaway_schema", METADATA, Column("version", Integer, primary_key=True))
RUNS = Table(
    "cutaway_runs",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("folder", String, nullable=False, index=True),
    Column("status", String, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("data", JSON, nullable=False),
    Column("code", String, nullable=False),
    Column("environment", JSON, nullable=False),
    Column("seeds", JSON, nullable=False),
    Column("started", String, nullable=False, index=True),
    Column("ended", String),
    Column("measures", JSON, nullable=False),
    Column("note", String, nullable=False),
)


def open_engine(told: str) -> Engine:
    """Return an engine for a URL; each use connects anew, for uses are rare and trainings long.

    Args:
        told: such as `sqlite:///runs/runs.sqlite` or `postgresql://user@host/name`.

    Raises:
        UsageError: it is no URL of SQLite or PostgreSQL, or the driver is not installed.
    """
    try:
        url = make_url(told)
        if url.get_backend_name() == "sqlite":
            return _sqlite(url)
        if url.get_backend_name() == "postgresql":
            wait = {"connect_timeout": int(WAIT)}
            return create_engine(
                url.set(drivername="postgresql+psycopg"), connect_args=wait, poolclass=NullPool
            )
    except (ArgumentError, NoSuchModuleError) as error:
        raise UsageError(f"the store's URL cannot be read: {error}") from error
    except ModuleNotFoundError as error:
        raise UsageError("a store on PostgreSQL needs psycopg: pip install 'cutaway[postgres]'") from error
    raise UsageError(f"the store's URL begins with {url.get_backend_name()}: sqlite and postgresql are known")


def _sqlite(url: URL) -> Engine:
    # The driver would begin transactions when it likes; with None it leaves that to the listener below.
    arguments = {"timeout": WAIT, "isolation_level": None}
    engine = create_engine(url, connect_args=arguments, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later can fail at once; one that writes waits its turn.
        command = connection.get_execution_options().get("begin", "BEGIN")
        if command:
            connection.exec_driver_sql(command)

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection whose transaction is alone in writing; it is committed at the end."""
    with telling(engine), engine.connect() as connection:
        writer = connection.execution_options(begin="BEGIN IMMEDIATE")
        with writer.begin():
            yield writer


def keep_a_log(engine: Engine) -> None:
    """Switch SQLite to its write-ahead log, for good: writers no longer stop readers."""
    with telling(engine), engine.connect() as connection:
        connection.execution_options(begin="").exec_driver_sql("PRAGMA journal_mode=WAL")


@contextmanager
def telling(engine: Engine) -> Iterator[None]:
    """Turn what a database driver raises into an error that says what to do."""
    try:
        yield
    except DBAPIError as error:
        raise _translated(engine, error) from error


def _translated(engine: Engine, error: DBAPIError) -> CutawayError:
    """The error for people; the URL's password is not in it."""
    place = str(engine.url.database or "") if engine.dialect.name == "sqlite" else str(engine.url)
    reason = " ".join(str(error.orig).split())
    if "not a database" in reason or "malformed" in reason:
        return FormatError(
            f"{place} is no readable store of runs ({reason}): move it away, and `cutaway runs restore` "
            "makes a new one from the folders"
        )
    if "locked" in reason:
        return ResourceError(
            f"{place} is locked: another process has been writing for {WAIT:.0f} s; try again when it is done"
        )
    if "no such column" in reason or "does not exist" in reason:
        return FormatError(f"{place} lacks a part of a store of runs ({reason})")
    return ResourceError(f"the store {place} cannot be used: {reason}")


def row_of(told: dict[str, Any]) -> dict[str, Any]:
    """Return a record's plain values as a row of the table.

    Args:
        told: from `RunRecord.to_json`.
    """
    return {column.name: told[column.name] for column in RUNS.columns}
