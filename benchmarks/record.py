"""A benchmark's record: what was measured, on which machine, at which commit, with which versions.

A record is one JSON file, `results/<room>-<date>.json`, and `results/<room>-amx-<date>.json` where the
processor multiplies tiles: what is fast differs there. Another run on the same day replaces what it measured
anew and keeps the rest, each row with its own commit and load, so that a long benchmark may run in parts. It
names no host, no user and no path.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).with_name("results")
PACKAGES = (
    "cutaway",
    "numpy",
    "numba",
    "torch",
    "pyarrow",
    "tokenizers",
    "transformers",
    "gensim",
    "scikit-learn",
)
INSTRUCTIONS = {"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"}


def use_data_beside() -> None:
    """Let the catalog look into ../shared/data, as the tests do, unless CUTAWAY_DATA says otherwise."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    if beside.is_dir():
        os.environ.setdefault("CUTAWAY_DATA", str(beside))


def write_record(room: str, results: Sequence[Mapping[str, object]]) -> Path:
    """Write a room's record and print its results, one a line.

    Args:
        room: "tokenization", "embeddings", ...
        results: one mapping a measurement: "work" says what was done; times in seconds, raw ones as
            lists; a "ratio" is to the peer named in "peer", measured in the same run.

    Returns:
        Where the record lies.
    """
    now = datetime.datetime.now(datetime.UTC)
    machine = _machine()
    here = {"commit": _commit(), "load_average": machine["load_average"]}
    RESULTS.mkdir(exist_ok=True)
    path = _path(room)
    record = {
        "room": room,
        "date": now.date().isoformat(),
        "command": f"python benchmarks/{Path(sys.argv[0]).name}",
        "commit": here["commit"],
        "machine": machine,
        "versions": {"python": platform.python_version(), **_versions()},
        "results": [*_kept(path, results), *({**result, **here} for result in results)],
    }
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for result in results:
        shown = {name: value for name, value in result.items() if not isinstance(value, list | tuple)}
        print("  ".join(f"{name}: {_short(value)}" for name, value in shown.items()))
    print(f"record: benchmarks/results/{path.name}")
    return path


def recorded(room: str) -> list[dict[str, object]]:
    """Return the rows of a room that today's record holds already.

    Args:
        room: as for `write_record`.

    Returns:
        Its results, none where there is no record of today.
    """
    path = _path(room)
    return json.loads(path.read_text(encoding="utf-8"))["results"] if path.is_file() else []


def _path(room: str) -> Path:
    kind = "-amx" if "amx_bf16" in _instructions() else ""
    return RESULTS / f"{room}{kind}-{datetime.datetime.now(datetime.UTC).date().isoformat()}.json"


def _kept(path: Path, results: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Return the rows of an earlier run of the day that are not measured anew."""
    if not path.is_file():
        return []
    anew = {_measured(result) for result in results}
    old = json.loads(path.read_text(encoding="utf-8"))
    here = {"commit": old["commit"], "load_average": old["machine"]["load_average"]}
    return [{**here, **row} for row in old["results"] if _measured(row) not in anew]


def _measured(result: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(result.get(name) for name in ("work", "peer", "seed"))


def _commit() -> str:
    """Return the commit, with "+changes" where tracked files differ from it."""

    def git(*words: str) -> str:
        folder = Path(__file__).parent
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "HEAD") or "unknown") + ("+changes" if changed else "")


def _machine() -> dict[str, object]:
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "cores_used": len(os.sched_getaffinity(0)),
        "instructions": _instructions(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.system(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def _processor() -> str:
    return _told_of_processor("model name") or platform.processor() or "unknown"


def _instructions() -> list[str]:
    """Return which of the instructions that our speed depends on this processor has."""
    return sorted(INSTRUCTIONS & set(_told_of_processor("flags").split()))


def _told_of_processor(field: str) -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(field)), "")


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
