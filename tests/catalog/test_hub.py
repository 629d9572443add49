"""The hub's protocol: what is on record arrives whole whatever the line does, and nothing else ever does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
from tests.catalog import hub_server

from cutaway.catalog import entry as entry_module
from cutaway.catalog import hub as hub_module
from cutaway.catalog.entry import Entry, FileRecord, Hub, Source
from cutaway.catalog.resolve import resolve
from cutaway.cli.main import main
from cutaway.core.errors import OfflineError

REPO, REVISION = "someone/thing", "0123456789abcdef0123456789abcdef01234567"
LARGE = bytes(range(256)) * 40
FILES = {"model.safetensors": LARGE, "config.json": b'{"a": 1}\n'}


@pytest.fixture
def hub(offline: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[hub_server.Hub]:
    """A hub with one repository, the only one that the catalog knows; no wait is long."""
    monkeypatch.delenv("CUTAWAY_OFFLINE")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub_module, "_WAITS", (0.0, 0.0, 0.0))
    monkeypatch.setattr("time.sleep", lambda _: None)
    records = tuple(
        FileRecord(name=name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in FILES.items()
    )
    origin = Hub(repo=REPO, revision=REVISION)
    made = Entry(
        name="thing",
        kind="checkpoint",
        title="t",
        license="l",
        citation="c",
        sources=(
            Source(layout="hf", folder="thing", files=records, hub=origin),
            Source(layout="config", folder="thing", files=records[1:], hub=origin, part="tokenizer"),
        ),
    )
    monkeypatch.setattr(entry_module, "entries", lambda: {"thing": made})
    with hub_server.serving(hub_server.Hub(repos={(REPO, REVISION): dict(FILES)})) as served:
        monkeypatch.setenv("HF_ENDPOINT", f"{served.endpoint}/")
        yield served


def arrived(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_arrive_whole_and_nothing_stays_beside_them(hub: hub_server.Hub) -> None:
    told: list[tuple[str, int, int]] = []
    found = resolve("thing", report=lambda *event: told.append(event))
    assert arrived(found.folder) == FILES
    assert ("model.safetensors", len(LARGE), len(LARGE)) in told
    assert hub.paths()[0] == f"/api/models/{REPO}/revision/{REVISION}"
    count = len(hub.asked)
    assert resolve("thing").origin == "cache"
    assert len(hub.asked) == count


def test_no_token_is_sent(hub: hub_server.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 34)
    resolve("thing")
    assert not [headers for headers in hub.headers if "authorization" in {name.lower() for name in headers}]


def test_a_part_alone_is_fetched_where_it_will_do(hub: hub_server.Hub) -> None:
    assert arrived(resolve("thing", part="tokenizer").folder) == {"config.json": FILES["config.json"]}
    assert not [path for path in hub.paths() if "safetensors" in path]
    assert arrived(resolve("thing").folder) == FILES


def test_offline_asks_nothing(hub: hub_server.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUTAWAY_OFFLINE", "1")
    with pytest.raises(OfflineError, match="CUTAWAY_OFFLINE=1 forbids the network"):
        resolve("thing")
    assert main(["catalog", "fetch", "thing"]) == 4
    assert hub.asked == []


@pytest.mark.parametrize(
    "faults",
    [
        {f"/revision/{REVISION}": [503, 429, 502]},
        {"/resolve/" + REVISION + "/config.json": [503, 429]},
        {"/model.safetensors": [429, 503]},
        {"/model.safetensors": [503, 503, 503]},
    ],
)
def test_a_busy_hub_is_asked_again(hub: hub_server.Hub, faults: dict[str, list[int | str]]) -> None:
    hub.faults = faults
    assert arrived(resolve("thing").folder) == FILES
    assert not any(hub.faults.values())


def test_a_hub_that_stays_busy_is_given_up(hub: hub_server.Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.faults = {f"/revision/{REVISION}": [503] * 99}
    assert main(["catalog", "fetch", "thing"]) == 4
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert "503" in told
    assert "thing is not here and could not be fetched" in told
    assert len(hub.asked) == 1 + len(hub_module._WAITS)


def test_a_body_that_ends_too_soon_is_gone_on_with(
    hub: hub_server.Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1024)
    hub.faults = {"/model.safetensors": ["cut", "cut"]}
    assert arrived(resolve("thing").folder) == FILES
    ranges = [asked for _, path, asked in hub.asked if path.startswith("/bytes/") and asked]
    # Of the second half's half, two and a half pieces of a kilobyte, two are kept.
    assert ranges == [f"bytes={5 * 1024}-", f"bytes={7 * 1024}-"]
    assert capsys.readouterr().err == ""


def test_bytes_that_are_not_on_record_are_thrown_away(
    hub: hub_server.Hub, capsys: pytest.CaptureFixture[str], offline: Path
) -> None:
    hub.faults = {"/model.safetensors": ["flipped"]}
    assert main(["catalog", "fetch", "thing"]) == 4
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"sent {len(LARGE)} bytes with sha256" in told
    assert "they were thrown away" in told
    assert "model.safetensors" not in arrived(offline / "catalog" / "thing")
    assert arrived(resolve("thing").folder) == FILES


def test_a_hub_that_lists_another_hash_sends_nothing(hub: hub_server.Hub) -> None:
    hub.listed = {"model.safetensors": "0" * 64}
    with pytest.raises(OfflineError, match=r"lists model\.safetensors .* 000000000000.*nothing was fetched"):
        resolve("thing")
    assert not [path for path in hub.paths() if "/resolve/" in path or "/bytes/" in path]


@pytest.mark.parametrize(
    ("repos", "message"),
    [
        ({}, "RepositoryNotFoundError"),
        ({(REPO, "f" * 40): FILES}, "RevisionNotFoundError"),
        ({(REPO, REVISION): {"config.json": FILES["config.json"]}}, r"has no file model\.safetensors in"),
    ],
)
def test_what_the_hub_has_not_is_said(
    hub: hub_server.Hub, repos: dict[tuple[str, str], dict[str, bytes]], message: str
) -> None:
    hub.repos = repos
    with pytest.raises(OfflineError, match=message):
        resolve("thing")


def test_bytes_may_lie_elsewhere_and_are_hashed_all_the_same(hub: hub_server.Hub, offline: Path) -> None:
    elsewhere = hub_server.Hub(repos={("any", "any"): {"model.safetensors": LARGE}})
    with hub_server.serving(elsewhere):
        hub.moved = elsewhere.endpoint
        elsewhere.faults = {"/model.safetensors": ["flipped"]}
        with pytest.raises(OfflineError, match="they were thrown away"):
            resolve("thing")
        assert "model.safetensors" not in arrived(offline / "catalog" / "thing")
        assert arrived(resolve("thing").folder) == FILES
    assert [path.split("/")[1] for path in elsewhere.paths()] == ["bytes", "bytes"]
    assert not [path for path in hub.paths() if path.startswith("/bytes/")]


def test_a_listing_sent_elsewhere_is_held_against_the_record_too(hub: hub_server.Hub) -> None:
    other = hub_server.Hub(repos={(REPO, REVISION): {**FILES, "model.safetensors": LARGE[::-1]}})
    with hub_server.serving(other):
        path = f"/api/models/{REPO}/revision/{REVISION}"
        hub.faults = {path: [f"{other.endpoint}{path}"]}
        with pytest.raises(OfflineError, match="nothing was fetched"):
            resolve("thing")


def test_a_circle_of_redirects_ends(hub: hub_server.Hub) -> None:
    path = f"/api/models/{REPO}/revision/{REVISION}"
    hub.faults = {path: [f"{hub.endpoint}{path}"] * 200}
    with pytest.raises(OfflineError, match="redirects"):
        resolve("thing")


def test_no_hub_is_no_connection(hub: hub_server.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(OfflineError, match="no connection"):
        resolve("thing")


def test_verify_hashes_again_what_was_fetched(
    hub: hub_server.Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalog", "fetch", "thing"]) == 0
    assert main(["catalog", "verify", "thing", "--json"]) == 0
    assert capsys.readouterr().out.count('"ok": true') == 2
    path = resolve("thing").files["config.json"]
    path.write_bytes(b'{"a": 2}\n')
    assert main(["catalog", "verify", "thing"]) == 1
