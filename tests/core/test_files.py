"""Files are whole or absent."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cutaway.core.errors import ResourceError
from cutaway.core.files import check_writable, sha256_of, whole_file, write_text


def test_sha256_of_a_file_larger_than_a_piece(tmp_path: Path) -> None:
    raw = os.urandom((1 << 20) + 17)
    (tmp_path / "a").write_bytes(raw)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(raw).hexdigest()


def test_an_error_leaves_the_old_file_and_no_debris(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="half way"), whole_file(path) as part:
        part.write_text("ne")
        raise RuntimeError("half way")
    assert path.read_text() == "old"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_a_full_disk_is_a_resource_error_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ResourceError, match="no space left") as caught, whole_file(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.exit_code == 4
    assert path.read_text() == "old"


def test_parts_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    killed = (
        "import os, sys, pathlib; from cutaway.core.files import whole_file\n"
        "with whole_file(pathlib.Path(sys.argv[1])) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", killed, str(path)], check=False).returncode == -9
    assert len(list(tmp_path.iterdir())) == 1
    write_text(path, "whole")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "whole"


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(ResourceError, match="cannot write"):
        write_text(tmp_path / "a" / "b", "x")


def test_what_safetensors_says_of_a_full_disk_is_understood(tmp_path: Path) -> None:
    class SafetensorError(Exception):
        """As the library names it."""

    said = "Error while serializing: I/O error: No space left on device (os error 28)"
    with pytest.raises(ResourceError, match="no space left"), whole_file(tmp_path / "a.safetensors"):
        raise SafetensorError(said)
    with pytest.raises(SafetensorError), whole_file(tmp_path / "a.safetensors"):
        raise SafetensorError("header too large")


def test_a_path_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "a.txt")
    assert (tmp_path / "new").is_dir()
    (tmp_path / "file").write_text("")
    for bad in (tmp_path, tmp_path / "file" / "a.txt", Path("/proc/nowhere/a.txt")):
        with pytest.raises(ResourceError, match="cannot write"):
            check_writable(bad)
    with pytest.raises(ResourceError, match="cannot write"):
        write_text(Path("/proc/nowhere/a.txt"), "")
