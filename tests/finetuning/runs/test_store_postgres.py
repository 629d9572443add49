"""The store on a real PostgreSQL, started for the test: the same answers, and a server that goes away."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.finetuning.runs import synthetic

from cutaway.core.errors import FormatError, ResourceError
from cutaway.finetuning.runs.recorder import Plan, recording
from cutaway.finetuning.runs.store import Store

pytest.importorskip("psycopg")
INITDB = shutil.which("initdb")
# PostgreSQL refuses to run as root; as root its own user is borrowed.
ACCOUNT = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
pytestmark = pytest.mark.skipif(
    INITDB is None or bool(ACCOUNT and not shutil.which("runuser")), reason="needs PostgreSQL's programs"
)


class Server:
    """A PostgreSQL of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._bin = Path(str(INITDB)).resolve().parent
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run(
            "initdb", "-D", str(folder), "-U", "cutaway", "-A", "trust", "-N", "--locale=C", "-E", "UTF8"
        )
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://cutaway:secret@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run(
            "pg_ctl", "-D", str(self.folder), "-w", "-o", options, "-l", str(self.folder / "log"), "start"
        )

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*ACCOUNT, str(self._bin / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder.parent,
            timeout=60,
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # Not below pytest's own folders, which nobody else may enter: the borrowed user has to.
    with tempfile.TemporaryDirectory(prefix="cutaway-postgres-") as folder:
        Path(folder).chmod(0o777)
        made = Server(Path(folder) / "data")
        yield made
        made.stop()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_runs_come_back_and_writers_at_once_lose_nothing(server: Server, home: Path) -> None:
    assert Store.open(server.url).list() == []
    record = synthetic.record(home / "a")
    failures: list[Exception] = []

    def write(letter: str) -> None:
        try:
            for at in range(5):
                Store.open(server.url).save(replace(record, id=f"{letter}{at:09d}", name=f"{letter}{at}"))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = Store.open(server.url)
    assert {each.name for each in store.list()} == {f"{a}{n}" for a in "abc" for n in range(5)}
    changed = replace(store.find("a0"), measures={"loss": 0.5})
    store.save(changed)
    assert store.find("a0") == changed
    for each in store.list():
        store.delete(each)
    assert store.list() == []
    assert "secret" not in store.place


@pytest.mark.filterwarnings("default")
def test_a_server_that_goes_away_loses_no_training(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUTAWAY_RUNS_URL", server.url)
    plan = Plan(kind="finetune", folder=home / "gone", settings={}, data={"source": "x"})

    def train() -> None:
        with recording(plan) as recorder:
            server.stop()
            recorder.measured({"loss": 0.25})

    with pytest.warns(UserWarning, match="cannot be used"):
        train()
    with pytest.raises(ResourceError, match="cannot be used") as caught:
        Store.open().list()
    assert "secret" not in str(caught.value)
    server.start()
    found = Store.open().list()
    assert [(each.name, each.status, each.measures) for each in found] == [
        ("gone", "finished", {"loss": 0.25})
    ]
    assert [each.id for each in Store.open().list()] == [found[0].id], "it is replayed once"
    assert list((home / "pending").iterdir()) == []


def test_a_newer_schema_is_told(server: Server, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    Store.open(server.url).save(synthetic.record(home / "a"))
    monkeypatch.setattr("cutaway.finetuning.runs.store.VERSION", 0)
    with pytest.raises(FormatError, match="newer Cutaway"):
        Store.open(server.url)
