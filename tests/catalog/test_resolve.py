"""Names to verified files, in the order of the design, and never an unverified one."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutaway.catalog import entry as entry_module
from cutaway.catalog.entry import Archive, Entry, FileRecord, Source, entries, entry
from cutaway.catalog.resolve import locate, resolve, verify
from cutaway.core.errors import ChecksumError, MissingFileError, OfflineError, UnknownNameError

CONTENT = b"the real thing\n" * 100


def record(name: str = "a.bin", content: bytes = CONTENT) -> FileRecord:
    return FileRecord(name=name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def known(monkeypatch: pytest.MonkeyPatch, *sources: Source) -> Entry:
    made = Entry(name="thing", kind="data", title="t", license="l", citation="c", sources=sources)
    monkeypatch.setattr(entry_module, "entries", lambda: {"thing": made})
    return made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A loopback server over `tmp_path/served`."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/"
        listening.shutdown()
        thread.join()


def test_every_entry_is_complete() -> None:
    for name, known_entry in entries().items():
        assert known_entry.sources, name
        for source in known_entry.sources:
            assert all(len(file.sha256) == 64 and file.bytes > 0 for file in source.files), name


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="glove-6b-50d"):
        entry("glove")


def test_a_data_folder_comes_before_the_cache(
    offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, Source(layout="x", folder="thing", files=(record(),)))
    for folder in (tmp_path / "data" / "thing", offline / "catalog" / "thing"):
        folder.mkdir(parents=True)
        (folder / "a.bin").write_bytes(CONTENT)
    assert resolve("thing").origin == "cache"
    monkeypatch.setenv("CUTAWAY_DATA", f"{tmp_path / 'nothing'}:{tmp_path / 'data'}")
    assert resolve("thing").files["a.bin"] == tmp_path / "data" / "thing" / "a.bin"


def test_one_flipped_bit_is_found_even_after_the_file_was_verified(
    offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = known(monkeypatch, Source(layout="x", folder="thing", files=(record(),)))
    path = offline / "catalog" / "thing" / "a.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert locate(made)
    path.write_bytes(bytes([CONTENT[0] ^ 1]) + CONTENT[1:])
    for look in (resolve, lambda _: verify(made)):
        with pytest.raises(ChecksumError, match=r"a\.bin is not the file on record"):
            look("thing")


def test_a_verified_file_is_not_hashed_again(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = known(monkeypatch, Source(layout="x", folder="thing", files=(record(),)))
    path = offline / "catalog" / "thing" / "a.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert locate(made)
    monkeypatch.setattr("cutaway.catalog.resolve.sha256_of", lambda path: "hashed again")
    assert locate(made)
    with pytest.raises(ChecksumError):
        verify(made)


def test_offline_says_what_is_missing_and_how_to_get_it(
    offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source(
        layout="x", folder="thing", files=(record(),), url="http://127.0.0.1:9/", install="pip install thing"
    )
    known(monkeypatch, source)
    with pytest.raises(
        OfflineError, match=r"CUTAWAY_OFFLINE=1 forbids.*'pip install thing'.*CUTAWAY_DATA"
    ) as caught:
        resolve("thing")
    assert caught.value.exit_code == 4


def test_no_network_says_so(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUTAWAY_OFFLINE")
    known(monkeypatch, Source(layout="x", folder="thing", files=(record(),), url="http://127.0.0.1:9/"))
    with pytest.raises(OfflineError, match="no connection"):
        resolve("thing")


def test_a_download_is_verified_and_kept(
    offline: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUTAWAY_OFFLINE")
    (tmp_path / "served" / "a.bin").write_bytes(CONTENT)
    known(monkeypatch, Source(layout="x", folder="thing", files=(record(),), url=server))
    told: list[tuple[str, int, int]] = []
    found = resolve("thing", report=lambda *event: told.append(event))
    assert found.files["a.bin"].read_bytes() == CONTENT
    assert told[-1] == ("a.bin", len(CONTENT), len(CONTENT))
    (tmp_path / "served" / "a.bin").unlink()
    assert resolve("thing").origin == "cache"


def test_a_download_that_is_not_the_real_thing_is_refused(
    offline: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUTAWAY_OFFLINE")
    (tmp_path / "served" / "a.bin").write_bytes(CONTENT[:-1])
    known(monkeypatch, Source(layout="x", folder="thing", files=(record(),), url=server))
    with pytest.raises(OfflineError, match="could not be fetched"):
        resolve("thing")
    assert not list((offline / "catalog" / "thing").iterdir())


def test_an_archive_gives_the_one_file_that_is_wanted(
    offline: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zipfile

    monkeypatch.delenv("CUTAWAY_OFFLINE")
    packed = tmp_path / "served" / "all.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.bin", CONTENT)
        archive.writestr("other.bin", b"x")
    raw = packed.read_bytes()
    archive_record = Archive(
        url=f"{server}all.zip", bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest(), unpack="zip"
    )
    known(monkeypatch, Source(layout="x", folder="thing", files=(record(),), archive=archive_record))
    found = resolve("thing")
    assert [file.name for file in found.folder.iterdir()] == ["a.bin"]
    assert found.files["a.bin"].read_bytes() == CONTENT


def test_verify_of_what_is_not_here(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = known(monkeypatch, Source(layout="x", folder="thing", files=(record(),)))
    with pytest.raises(MissingFileError, match="cutaway catalog fetch thing"):
        verify(made)
