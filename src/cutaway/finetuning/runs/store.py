"""The store of runs: one row a training, in SQLite or PostgreSQL; the files lie in the runs' folders."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, delete, func, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from cutaway.core.errors import FormatError, ResourceError, UnknownNameError, UsageError
from cutaway.core.files import write_text
from cutaway.core.home import runs_home
from cutaway.finetuning.runs.record import KINDS, STATUSES, RunRecord
from cutaway.finetuning.runs.schema import (
    METADATA,
    RUNS,
    VERSION,
    VERSIONS,
    keep_a_log,
    open_engine,
    row_of,
    telling,
    writing,
)

FILE = "runs.sqlite"
PENDING = "pending"
SHORTEST_ID = 4
CREATING = 0x637574  # any number, the same for everyone


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs are meant; None is any.

    Attributes:
        kind: see `RunRecord`.
        status: see `RunRecord`.
        data: a part of the data's source, or the first digits of its sha256.
    """

    kind: str | None = None
    status: str | None = None
    data: str | None = None

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise UsageError(f"there is no kind {self.kind!r} of runs: {', '.join(KINDS)}")
        if self.status is not None and self.status not in STATUSES:
            raise UsageError(f"there is no status {self.status!r}: {', '.join(STATUSES)}")

    def takes(self, record: RunRecord) -> bool:
        """Tell whether a run is meant."""
        source, sha256 = str(record.data.get("source", "")), str(record.data.get("sha256", ""))
        return (
            self.kind in (None, record.kind)
            and self.status in (None, record.status)
            and (self.data is None or self.data in source or sha256.startswith(self.data))
        )


class Store:
    """Runs by id, name or folder.

    SQLite waits up to five seconds for another writer (BEGIN IMMEDIATE) and never blocks a reader (WAL).
    Nothing is made before the first run is saved.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        database = engine.url.database
        on_disk = engine.dialect.name == "sqlite" and database not in (None, "", ":memory:")
        self._file = Path(str(database)) if on_disk else None

    @classmethod
    def open(cls, url: str | None = None) -> Store:
        """Open a store.

        Args:
            url: of SQLAlchemy; by default `CUTAWAY_RUNS_URL`, else `runs.sqlite` in the folder of runs.

        Returns:
            The store; what could not be written to it before is in it now.

        Raises:
            FormatError: the database is damaged, another program's, or of a newer Cutaway.
            ResourceError: it cannot be reached.
        """
        told = url or os.environ.get("CUTAWAY_RUNS_URL") or f"sqlite:///{runs_home() / FILE}"
        store = cls(open_engine(told))
        store._check()
        store._replay()
        return store

    @property
    def place(self) -> str:
        """Where it is, for people; without a password."""
        return str(self._file or self._engine.url)

    def save(self, record: RunRecord) -> None:
        """Write a run, new or changed.

        Args:
            record: all of it.
        """
        self._create()
        with writing(self._engine) as writer:
            writer.execute(delete(RUNS).where(RUNS.c.id == record.id))
            writer.execute(insert(RUNS).values(row_of(record.to_json())))

    def save_later(self, record: RunRecord) -> None:
        """Keep a run in a file until a store can be written; `open` moves it there, once.

        Args:
            record: all of it.
        """
        kept = {"store": self.place, "record": record.to_json()}
        write_text(runs_home() / PENDING / f"{record.id}.json", json.dumps(kept, indent=1) + "\n")

    def list(self, wanted: RunFilter | None = None) -> list[RunRecord]:
        """Return runs, the newest first.

        Args:
            wanted: which; all of them if not given.
        """
        if not self._made():
            return []
        with telling(self._engine), self._engine.connect() as connection:
            found = connection.execute(select(RUNS).order_by(RUNS.c.started.desc())).mappings().all()
        records = [RunRecord.from_json(dict(row)).now() for row in found]
        return [record for record in records if (wanted or RunFilter()).takes(record)]

    def find(self, wanted: str) -> RunRecord:
        """Return one run.

        Args:
            wanted: its id or the first digits of it, its name, or its folder.

        Raises:
            UnknownNameError: there is none.
            UsageError: there are several of this name.
        """
        records = self.list()
        folder = str(Path(wanted).expanduser().resolve())
        found = [record for record in records if wanted == record.id]
        found = found or [record for record in records if wanted == record.name]
        found = found or [record for record in records if folder == str(record.folder)]
        if not found and len(wanted) >= SHORTEST_ID:
            found = [record for record in records if record.id.startswith(wanted)]
        if not found:
            names = ", ".join(record.name for record in records[:5]) or "none yet"
            raise UnknownNameError(f"{self.place} has no run {wanted!r}; the newest are: {names}")
        if len(found) > 1:
            ids = ", ".join(f"{record.id} ({record.started[:16]})" for record in found[:5])
            raise UsageError(f"{len(found)} runs are called {wanted!r}: say which by its id: {ids}")
        return found[0]

    def delete(self, record: RunRecord) -> None:
        """Forget a run; its folder is left alone.

        Args:
            record: as found.
        """
        with writing(self._engine) as writer:
            writer.execute(delete(RUNS).where(RUNS.c.id == record.id))

    def _made(self) -> bool:
        if self._file is not None and not self._file.exists():
            return False
        with telling(self._engine):
            return inspect(self._engine).has_table(RUNS.name)

    def _check(self) -> None:
        """See that the database is ours and not too new, before anything is changed in it."""
        if self._file is not None and not self._file.exists():
            return
        with telling(self._engine):
            names = set(inspect(self._engine).get_table_names())
            if not names & set(METADATA.tables):
                if names and self._file is not None:
                    raise FormatError(f"{self.place} is no store of runs: it holds {sorted(names)[0]}")
                return
            with self._engine.connect() as connection:
                version = connection.execute(select(VERSIONS.c.version)).scalar()
        if version is None or version > VERSION:
            raise FormatError(
                f"{self.place} was written by a newer Cutaway (version {version}, this one reads {VERSION}): "
                "update, or name another store in CUTAWAY_RUNS_URL"
            )

    def _create(self) -> None:
        if self._made():
            return
        if self._file is not None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ResourceError(f"cannot make the store {self.place}: {error.strerror}") from error
            keep_a_log(self._engine)
        with writing(self._engine) as writer:
            if self._file is None and self._engine.dialect.name == "postgresql":
                # SQLite's writers wait for each other; here two could both see that nothing is made yet.
                writer.execute(select(func.pg_advisory_xact_lock(CREATING)))
            METADATA.create_all(writer)
            if writer.execute(select(VERSIONS.c.version)).scalar() is None:
                writer.execute(insert(VERSIONS).values(version=VERSION))

    def _replay(self) -> None:
        """Write what could not be written before; a file goes only once its run is in the store."""
        for path in sorted((runs_home() / PENDING).glob("*.json")):
            try:
                kept = json.loads(path.read_text(encoding="utf-8"))
                if kept["store"] == self.place:
                    self.save(RunRecord.from_json(kept["record"]))
                    path.unlink(missing_ok=True)
            except (ValueError, KeyError, TypeError) as error:
                raise FormatError(f"{path} is damaged ({error}): delete it") from error
            except (DBAPIError, ResourceError):
                return
