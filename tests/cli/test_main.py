"""The command line's frame: exit codes, one line an error, no traceback, nothing loaded in vain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cutaway.cli import catalog
from cutaway.cli.main import VERBS, main
from cutaway.core.errors import DivergedError, ResourceError


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in VERBS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from cutaway.core.version import VERSION

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"cutaway {VERSION}\n"


@pytest.mark.parametrize("words", [["nonsense"], ["catalog", "nonsense"], ["catalog", "list", "--nonsense"]])
def test_usage_errors_end_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "nonsense" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (ResourceError("port 1 is taken"), 4, "cutaway: port 1 is taken\n"),
        (DivergedError("the loss became nan"), 5, "cutaway: the loss became nan\n"),
        (KeyError("x"), 1, "cutaway: unexpected KeyError: 'x' (a bug: --debug shows where)\n"),
        (KeyboardInterrupt(), 130, "cutaway: interrupted\n"),
    ],
)
def test_an_error_is_one_line_with_its_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    shown: str,
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setitem(VERBS, "catalog", VERBS["tour"])
    monkeypatch.setattr("cutaway.cli.main._load", lambda verb: fail)
    assert main(["catalog"]) == code
    told = capsys.readouterr()
    assert told.err == shown
    assert told.out == ""


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog.output, "console", lambda: 1 / 0)
    assert main(["catalog", "list"]) == 1
    with pytest.raises(ZeroDivisionError):
        main(["catalog", "list", "--debug"])


def test_an_interrupt_ends_with_130_and_no_traceback(tmp_path: Path) -> None:
    code = (
        "import sys, time; from cutaway.cli import catalog, main\n"
        "def slow(): print('ready', flush=True); time.sleep(60)\n"
        "catalog.output.console = slow\n"
        "sys.exit(main.main(['catalog', 'list']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert told == b"cutaway: interrupted\n"


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m cutaway catalog list --json | head -c 1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, check=False)
    assert done.stderr == b""


def test_a_verb_loads_only_what_it_needs() -> None:
    check = (
        "import sys; from cutaway.cli.main import main; main(['catalog', 'list', '--json'])\n"
        "print([m for m in ('torch', 'numba', 'pyarrow', 'fastapi') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, check=True, env=dict(os.environ)
    )
    assert done.stderr == b"[]\n"
