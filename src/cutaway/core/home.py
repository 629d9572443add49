"""Where Cutaway keeps what it made or fetched for this user."""

from __future__ import annotations

import os
from pathlib import Path


def cache_home() -> Path:
    """Return the cache folder: `CUTAWAY_CACHE`, or `cutaway` under the system's cache folder."""
    if given := os.environ.get("CUTAWAY_CACHE"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "cutaway"


def runs_home() -> Path:
    """Return the folder of the runs: `CUTAWAY_RUNS`, or `runs` where the command was started."""
    return Path(os.environ.get("CUTAWAY_RUNS") or "runs").expanduser()
