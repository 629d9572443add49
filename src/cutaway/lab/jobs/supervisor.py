"""Starting jobs: a few at once, each a process of its own that outlives a crash of the lab."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Lock

from cutaway.core.errors import CutawayError, ResourceError, UsageError
from cutaway.lab.jobs.asked import Asked
from cutaway.lab.jobs.store import LOCK, STOP, Job, all_jobs, jobs_home, locked, new_folder

MOST_RUNNING = 2
# Trainings that leave a state; a tokenizer is learned in one go.
RESUMED = frozenset({"vectors", "language", "finetune"})
_WAIT = "wait for one or stop it"


class BusyError(CutawayError, RuntimeError):
    """As many jobs run as may."""


class Supervisor:
    """Starts jobs and ends them with the lab.

    Args:
        home: where jobs lie; by default `lab` in the folder of the runs.
        most: how many may run at once, those of an earlier lab among them.
    """

    def __init__(self, home: Path | None = None, most: int = MOST_RUNNING) -> None:
        self.home, self._most = home or jobs_home(), most
        self._lock = Lock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, asked: Asked) -> Job:
        """Start a job.

        Args:
            asked: what to train.

        Returns:
            The job; its process runs.

        Raises:
            BusyError: as many run as may.
            ResourceError: the folder cannot be written.
        """
        with self._lock:
            running = self._running()
            if running >= self._most:
                raise BusyError(f"{running} trainings run already, and {self._most} may: {_WAIT}")
            try:
                job = new_folder(self.home, asked)
                self._processes[job.name] = _spawn(job)
            except OSError as error:
                raise ResourceError(f"cannot start a training in {self.home}: {error.strerror}") from error
            return job

    def resume(self, job: Job) -> Job:
        """Let a job go on that was stopped, or whose process died.

        Args:
            job: which.

        Returns:
            The job; its process runs.

        Raises:
            BusyError: as many run as may.
            UsageError: there is nothing to go on with.
        """
        with self._lock:
            state, kind = job.state(), job.asked().training.kind
            if state not in ("stopped", "lost") or kind not in RESUMED:
                raise UsageError(f"the training {job.name} is {state}: there is nothing to go on with")
            running = self._running()
            if running >= self._most:
                raise BusyError(f"{running} trainings run already, and {self._most} may: {_WAIT}")
            (job.folder / STOP).unlink(missing_ok=True)
            self._processes[job.name] = _spawn(job)
            return job

    def close(self) -> None:
        """Ask the jobs that this lab started to end: they keep what they have."""
        with self._lock:
            self._bury()
            for job in all_jobs(self.home):
                if job.name in self._processes:
                    job.stop()

    def _running(self) -> int:
        self._bury()
        return sum(job.runs() for job in all_jobs(self.home))

    def _bury(self) -> None:
        """Take note of processes that ended, which the system otherwise keeps for us."""
        self._processes = {name: one for name, one in self._processes.items() if one.poll() is None}


def _spawn(job: Job) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cutaway.lab.jobs.worker", str(job.folder.resolve())]
    # The lock goes over to the process by inheritance: at no moment does a live job look dead.
    with locked(job.folder) as held, (job.folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(held,),
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        (job.folder / LOCK).write_text(f"{process.pid}\n", encoding="ascii")
    return process
