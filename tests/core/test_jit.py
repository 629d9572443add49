"""Kernels: cached in a folder of our own, one a version, and never shared with bounds-checked runs."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

KERNEL = """
from cutaway.core.jit import kernel
import numpy as np

@kernel("int64(int32[::1], int64)")
def at(values, index):
    return values[index]

try:
    print(at(np.arange(3, dtype=np.int32), 1), at.py_func(np.arange(3), 2))
    print("read", at(np.arange(3, dtype=np.int32), 7) is not None)
except IndexError:
    print("caught")
"""


def run(path: Path, **extra: str) -> str:
    env = {**os.environ, **extra}
    return subprocess.run(
        [sys.executable, str(path)], env=env, check=True, capture_output=True, text=True
    ).stdout


def test_cache_folder_is_private_and_apart_for_bounds_checks(tmp_path: Path) -> None:
    source = tmp_path / "k.py"
    source.write_text(KERNEL)
    cache = tmp_path / "cache"
    assert run(source, CUTAWAY_CACHE=str(cache), NUMBA_BOUNDSCHECK="0") == "1 2\nread True\n"
    assert run(source, CUTAWAY_CACHE=str(cache), NUMBA_BOUNDSCHECK="1") == "1 2\ncaught\n"
    folders = sorted((cache / "kernels").iterdir())
    assert len(folders) == 2
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in folders)
    assert all(list(folder.rglob("*.nbc")) for folder in folders)


def test_a_home_that_cannot_be_written_falls_back(tmp_path: Path) -> None:
    source = tmp_path / "k.py"
    source.write_text(KERNEL)
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    out = run(source, CUTAWAY_CACHE=str(blocked), TMPDIR=str(tmp_path), NUMBA_BOUNDSCHECK="0")
    assert out.startswith("1 2\n")
    assert list(tmp_path.glob("cutaway-kernels-*/*"))


def test_import_loads_neither_torch_nor_numba() -> None:
    check = "import cutaway, sys; print([m for m in ('torch', 'numba', 'numpy') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True).stdout
    assert out == "[]\n"
