"""Jobs on disk: a folder each, whose files say what was asked, whether it runs, and how it ended.

A job holds a lock on a file of its folder for as long as its process lives, so that a lab that was started
again, or another one, sees what runs without trusting a number of a process.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cutaway.core.errors import UnknownNameError
from cutaway.core.home import runs_home
from cutaway.lab.jobs.asked import Asked
from cutaway.lab.jobs.events import ENDS, last_event

ASKED, LOCK, STOP, OUT = "asked.json", "lock", "stop", "out"
NAME = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}", re.ASCII)

State = Literal["running", "stopping", "done", "failed", "stopped", "lost"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job.

    Attributes:
        name: its folder's, which is its id.
        folder: where it lies.
    """

    name: str
    folder: Path

    @property
    def out(self) -> Path:
        """Where what was trained lies."""
        return self.folder / OUT

    def asked(self) -> Asked:
        """Return what was asked of it."""
        return Asked.model_validate_json((self.folder / ASKED).read_text(encoding="utf-8"))

    def state(self) -> State:
        """Return whether it runs or how it ended; "lost" is a process that died without a word."""
        stopped = (self.folder / STOP).exists()
        if self.runs():
            return "stopping" if stopped else "running"
        last = last_event(self.folder) or {}
        if last.get("kind") in ENDS:
            ended: State = last["kind"]
            return ended
        return "stopped" if stopped else "lost"

    def runs(self) -> bool:
        """Tell whether its process lives: only then is the lock held."""
        try:
            file = os.open(self.folder / LOCK, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def stop(self) -> None:
        """Ask it to end; it keeps what it has. One that does not run is left as it is."""
        if not self.runs():
            return
        (self.folder / STOP).touch()
        told = (self.folder / LOCK).read_text(encoding="ascii").strip()
        if told.isdigit():
            with suppress(ProcessLookupError):
                os.kill(int(told), signal.SIGTERM)

    def to_json(self) -> dict[str, Any]:
        """Return its id, state, settings (of a text only how long it is) and its last event."""
        training = self.asked().training.model_dump()
        text = training["data"].pop("text")
        training["data"]["characters"] = None if text is None else len(text)
        return {"id": self.name, "state": self.state(), "training": training, "last": last_event(self.folder)}


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold a job's lock and yield the file's number: a process that inherits it holds it on.

    Args:
        folder: the job's.
    """
    file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def new_folder(home: Path, asked: Asked) -> Job:
    """Make the folder of a new job.

    Args:
        home: where jobs lie.
        asked: what to train.

    Returns:
        The job, not yet started.
    """
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(4).hex()}"
    folder = home / name
    (folder / OUT).mkdir(parents=True, mode=0o700)
    text = json.dumps(asked.model_dump(), ensure_ascii=True)
    (folder / ASKED).write_text(text, encoding="utf-8")
    return Job(name=name, folder=folder)


def jobs_home() -> Path:
    """Return where jobs lie: `lab` in the folder of the runs."""
    return runs_home() / "lab"


def all_jobs(home: Path) -> list[Job]:
    """Return the jobs, the newest first.

    Args:
        home: where jobs lie.
    """
    if not home.is_dir():
        return []
    found = [path for path in home.iterdir() if NAME.fullmatch(path.name) and (path / ASKED).is_file()]
    return [Job(name=path.name, folder=path) for path in sorted(found, reverse=True)]


def find_job(home: Path, name: str) -> Job:
    """Return the job with an id.

    Args:
        home: where jobs lie.
        name: the id; never a path.

    Returns:
        The job.

    Raises:
        UnknownNameError: there is none.
    """
    folder = home / name
    if not NAME.fullmatch(name) or not (folder / ASKED).is_file():
        raise UnknownNameError(f"there is no training {name[:80]!r} here: it may have been deleted")
    return Job(name=name, folder=folder)
