"""Folders, standard input and the hub: where labelled texts come from beside single files."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from cutaway.core.errors import DataError, OfflineError
from cutaway.finetuning.data import read_labelled


def texts(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
    return folder


def test_a_folder_a_class_with_a_text_a_file(tmp_path: Path) -> None:
    folder = texts(
        tmp_path,
        {"neg/10.txt": "ten", "neg/2.txt": "\ufefftwo\r\n", "pos/1.txt": "one", "unsup/1.txt": "none"},
    )
    found = read_labelled(folder)
    assert list(zip(found.texts, found.labels, strict=True)) == [
        ("two\r\n", "neg"),
        ("ten", "neg"),
        ("one", "pos"),
    ]


def test_parts_of_a_folder(tmp_path: Path) -> None:
    names = [f"{split}/{kind}/1.txt" for split in ("train", "test") for kind in ("a", "b")]
    folder = texts(tmp_path, {name: name for name in names})
    assert list(read_labelled(folder).texts) == names[:2]
    assert list(read_labelled(folder, split="test").texts) == names[2:]


def test_a_folder_of_tables_is_joined_by_split(tmp_path: Path) -> None:
    head = "text,label\n"
    folder = texts(
        tmp_path,
        {
            "data/train-2.csv": head + "b,y\n",
            "data/train-10.csv": head + "c,x\n",
            "data/test.csv": head + "d,x\ne,y\n",
            "data/training_notes.md": "no table",
            "data/train-1.csv": head + "a,x\n",
        },
    )
    assert list(read_labelled(folder).texts) == ["a", "b", "c"]
    assert list(read_labelled(folder, split="test").texts) == ["d", "e"]
    (folder / "data" / "train-1.csv").write_text("words,label\na,x\n")
    with pytest.raises(DataError, match=r"\['text', 'label'\].*\['words', 'label'\]"):
        read_labelled(folder)


def test_folders_that_hold_no_labelled_texts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"sub-folder a class.*train\.csv.*holds \[\]"):
        read_labelled(tmp_path)
    texts(tmp_path, {"only/1.txt": "a"})
    with pytest.raises(DataError, match=r"holds \['only'\]"):
        read_labelled(tmp_path)
    texts(tmp_path, {"a.csv": "text,label\n", "b.csv": "text,label\n"})
    with pytest.raises(DataError, match="none is called train"):
        read_labelled(tmp_path)


PARQUET = io.BytesIO()
parquet.write_table(arrow.table({"text": ["007", "NA"], "label": ["x", "y"]}), PARQUET)


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbftext,label\n007,x\nNA,y\n",
        b"text\tlabel\n007\tx\nNA\ty\n",
        b'\n{"text": "007", "label": "x"}\n{"text": "NA", "label": "y"}',
        PARQUET.getvalue(),
    ],
    ids=["csv", "tsv", "jsonl", "parquet"],
)
def test_standard_input_is_known_by_its_first_bytes(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
    found = read_labelled("-")
    assert (list(found.texts), found.labels, found.source) == (["007", "NA"], ["x", "y"], "standard input")


def test_nothing_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    with pytest.raises(DataError, match="standard input is empty"):
        read_labelled("-")


REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's own cache with one data set in it, as the hub's client lays it out."""
    repo = tmp_path / "datasets--someone--reviews"
    for part in ("default", "small"):
        folder = repo / "snapshots" / REVISION / part / "train"
        folder.mkdir(parents=True)
        parquet.write_table(arrow.table({"text": [part, "b"], "label": [0, 1]}), folder / "0000.parquet")
    refs = repo / "refs" / "refs" / "convert"
    refs.mkdir(parents=True)
    (refs / "parquet").write_text(REVISION)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("CUTAWAY_OFFLINE", "1")
    return tmp_path


def test_a_data_set_of_the_hub_by_name(hub_cache: Path) -> None:
    assert list(read_labelled("hub:someone/reviews").texts) == ["default", "b"]
    assert list(read_labelled("hub:someone/reviews/small").texts) == ["small", "b"]
    with pytest.raises(DataError, match="no part with a split 'test'"):
        read_labelled("hub:someone/reviews", split="test")
    with pytest.raises(DataError, match=r"no part 'large'.*\['default', 'small'\]"):
        read_labelled("hub:someone/reviews/large")


def test_hub_names_that_cannot_be_or_are_not_here(hub_cache: Path) -> None:
    for name in ("hub:", "hub:../../etc", "hub:a/b/c/d", "hub:a b"):
        with pytest.raises(DataError, match="names no data set"):
            read_labelled(name)
    with pytest.raises(OfflineError, match=r"someone/else is not in the hub's cache.*CUTAWAY_OFFLINE"):
        read_labelled("hub:someone/else")
