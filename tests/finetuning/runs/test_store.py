"""The store: what is written is found again, two processes wait for each other, damage is told."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cutaway.core.errors import FormatError, ResourceError, UnknownNameError, UsageError
from cutaway.finetuning.runs import schema
from cutaway.finetuning.runs.process import environment
from cutaway.finetuning.runs.record import RunRecord, utc_now
from cutaway.finetuning.runs.store import RunFilter, Store


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def record(name: str, **changed: object) -> RunRecord:
    made = RunRecord(
        name=name,
        kind="finetune",
        folder=Path("/nowhere") / name,
        status="finished",
        settings={"loop": {"epochs": 3, "optimizer": {"rate": 5e-4}}},
        data={"source": "reviews.csv", "sha256": "ab" * 32},
        code="0.1.0+00000000",
        environment=environment(),
        seeds={"all": 0},
        started=utc_now(),
        ended=utc_now(),
        measures={"accuracy": 0.924, "loss": 0.2},
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def test_a_run_comes_back_as_it_was_and_is_replaced_by_its_id(home: Path) -> None:
    store = Store.open()
    assert store.list() == []
    assert not home.exists(), "reading makes nothing"
    first, second = record("first"), record("second", kind="pretrain", data={"source": "a.txt"})
    store.save(first)
    store.save(second)
    assert Store.open().list() == [second, first]
    store.save(replace(first, measures={"accuracy": 0.9}))
    assert Store.open().find("first").measures == {"accuracy": 0.9}
    assert len(store.list()) == 2
    store.delete(first)
    assert Store.open().list() == [second]


def test_filters_and_names() -> None:
    store = Store.open()
    kept = [
        record("a"),
        record("b", kind="lstm", status="diverged"),
        record("b", data={"source": "b.csv", "sha256": "cd" * 32}),
    ]
    for each in kept:
        store.save(each)
    a, b, c = kept
    assert store.list(RunFilter(kind="lstm")) == [b]
    assert store.list(RunFilter(status="finished")) == [c, a]
    assert store.list(RunFilter(data="b.csv")) == store.list(RunFilter(data="cdcd")) == [c]
    assert store.find("a") == store.find(a.id) == store.find(a.id[:5]) == store.find("/nowhere/a") == a
    with pytest.raises(UsageError, match=f"2 runs are called 'b'.*{c.id}"):
        store.find("b")
    with pytest.raises(UnknownNameError, match="no run 'z'; the newest are: b, b, a"):
        store.find("z")
    with pytest.raises(UsageError, match="no kind 'x'"):
        RunFilter(kind="x")
    with pytest.raises(UsageError, match="no status 'x'"):
        RunFilter(status="x")


def test_a_running_run_whose_process_is_gone_was_interrupted() -> None:
    here = record("here", status="running", ended=None)
    assert here.now().status == "running"
    assert here.place == "gone"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone = replace(here, environment={**here.environment, "process": [ended.pid, None]})
    assert gone.now().status == "interrupted"
    # A later process with the same number began at another time.
    number, begun = here.environment["process"]
    other = replace(here, environment={**here.environment, "process": [number, begun + 1]})
    assert other.now().status == "interrupted"
    elsewhere = replace(gone, environment={**gone.environment, "host": "another"})
    assert (elsewhere.now().status, elsewhere.place) == ("running", "elsewhere")


WRITER = """
import sys
from dataclasses import replace
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.store import Store
import json
record = RunRecord.from_json(json.loads(sys.argv[1]))
for at in range(20):
    Store.open().save(replace(record, id=f"{sys.argv[2]}{at:09d}", name=f"{sys.argv[2]}{at}"))
"""


def test_processes_that_write_at_once_lose_nothing(home: Path) -> None:
    told = json.dumps(record("x").to_json())
    started = [subprocess.Popen([sys.executable, "-c", WRITER, told, letter]) for letter in "abc"]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert {each.name for each in Store.open().list()} == {f"{a}{n}" for a in "abc" for n in range(20)}
    with sqlite3.connect(home / "runs.sqlite") as plain:
        assert plain.execute("pragma journal_mode").fetchone() == ("wal",)
        assert plain.execute("select version from cutaway_schema").fetchall() == [(schema.VERSION,)]
    plain.close()


def test_a_locked_store_can_be_read_and_waits_to_be_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "WAIT", 0.2)
    store = Store.open()
    store.save(record("a"))
    holder = sqlite3.connect(home / "runs.sqlite", isolation_level=None)
    holder.execute("begin immediate")
    assert [each.name for each in Store.open().list()] == ["a"]
    with pytest.raises(ResourceError, match="locked: another process"):
        store.save(record("b"))
    # What could not be written waits in a file, and is in the store once it can be.
    late = record("late")
    store.save_later(late)
    assert [each.name for each in Store.open().list()] == ["a"]
    holder.execute("rollback")
    holder.close()
    assert [each.name for each in Store.open().list()] == ["late", "a"]
    assert list((home / "pending").iterdir()) == []


def test_damage_newer_versions_and_strange_databases_are_told_and_left_alone(home: Path) -> None:
    store = Store.open()
    for at in range(30):
        store.save(record(f"run{at}"))
    path = home / "runs.sqlite"
    with sqlite3.connect(path) as plain:
        plain.execute("pragma wal_checkpoint(truncate)")
    plain.close()
    whole = path.read_bytes()
    for broken in (b"garbage" * 1000, whole[: len(whole) // 2], whole[:50] + os.urandom(4000)):
        path.write_bytes(broken)
        with pytest.raises(FormatError, match="no readable store"):
            Store.open().list()
        assert path.read_bytes() == broken
    path.write_bytes(whole)
    with sqlite3.connect(path) as plain:
        plain.execute("update cutaway_schema set version = 99")
    plain.close()
    with pytest.raises(FormatError, match="newer Cutaway \\(version 99"):
        Store.open()
    strange = home / "strange.sqlite"
    with sqlite3.connect(strange) as plain:
        plain.execute("create table photos (a int)")
    plain.close()
    with pytest.raises(FormatError, match="no store of runs: it holds photos"):
        Store.open(f"sqlite:///{strange}")


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("nonsense", UsageError, "cannot be read"),
        ("mysql://localhost/x", UsageError, "mysql"),
        (
            "postgresql://someone:secret@127.0.0.1:1/x",
            ResourceError,
            r"someone:\*\*\*@127.0.0.1:1/x cannot be used",
        ),
        ("sqlite:////proc/none/runs.sqlite", ResourceError, "cannot make the store"),
    ],
)
def test_a_store_that_cannot_be_opened(url: str, error: type[Exception], message: str) -> None:
    if url.startswith("postgresql"):
        pytest.importorskip("psycopg")
    with pytest.raises(error, match=message) as caught:
        Store.open(url).save(record("a"))
    assert "secret" not in str(caught.value)
