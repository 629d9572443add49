"""A job's files: events that are read while they are written, and a lock that says whether it lives."""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab.test_jobs import HUG, tokenizer

from cutaway.lab.jobs.asked import Asked
from cutaway.lab.jobs.events import Reading, Teller, last_event
from cutaway.lab.jobs.store import all_jobs, locked, new_folder


def test_events_are_read_as_far_as_they_are_whole(tmp_path: Path) -> None:
    teller = Teller(tmp_path)
    reading = Reading(tmp_path)
    teller.event("began", title="<b>\n\ud800")
    teller.point("loss", 1, float("nan"))
    teller.event("epoch", loss=2.5)
    assert [json.loads(line)["kind"] for _, line in reading.new()] == ["began", "progress", "epoch"]
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'{"kind": "half')
        file.flush()
        assert list(reading.new()) == []
        assert (last_event(tmp_path) or {})["loss"] == 2.5
        file.write(b' an event"}\n')
    assert [number for number, _ in reading.new()] == [4]
    told = [json.loads(line) for _, line in Reading(tmp_path, after=1).new()]
    assert told[0]["points"] == [["loss", 1, None]]
    assert last_event(tmp_path) == {"kind": "half an event"}


def test_a_job_lives_as_long_as_its_lock(tmp_path: Path) -> None:
    job = new_folder(tmp_path, Asked.model_validate(tokenizer()))
    assert [one.name for one in all_jobs(tmp_path)] == [job.name]
    with locked(job.folder):
        assert job.state() == "running"
    assert job.state() == "lost"
    Teller(job.folder).event("done", result={})
    assert job.state() == "done"
    assert job.to_json()["training"]["data"]["characters"] == len(HUG)


def test_a_job_that_goes_on_counts_on_and_drops_half_a_line(tmp_path: Path) -> None:
    Teller(tmp_path).event("began", x=1)
    path = tmp_path / "events.jsonl"
    path.write_text(path.read_text().replace('"seconds": 0.0', '"seconds": 100.0') + '{"kind": "ha')
    Teller(tmp_path).event("stopped")
    told = [json.loads(line) for _, line in Reading(tmp_path).new()]
    assert [one["kind"] for one in told] == ["began", "stopped"]
    assert told[1]["seconds"] >= 100
