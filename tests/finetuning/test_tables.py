"""Tables: every value byte for byte, every damage with its row."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.core.errors import DataError, MissingFileError, UsageError
from cutaway.finetuning.data import draw, read_labelled, split_rows
from cutaway.finetuning.tables import read_table


def write(folder: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_values_stay_the_text_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, 'text,label\n007,NA\n"a ""b""\nc",null\n1e5,\n')
    assert read_table(path).columns == {"text": ["007", 'a "b"\nc', "1e5"], "label": ["NA", "null", ""]}


def test_a_byte_order_mark_and_crlf_are_no_part_of_the_data(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbftext,label\r\nyes,1\r\n")
    assert read_table(path).columns == {"text": ["yes"], "label": ["1"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("text,label\n", "no row of data"),
        ("text,label\na,1\nb\n", r"line 3 has 1 values, the header 2"),
        ("text,label\na,1,2\n", r"line 2 has 3 values"),
        ("text,text\na,1\n", "'text' more than once"),
        ('text,label\n"a,1\nb,2\n', "line 3.*quote"),
        (b"text,label\na\xff,1\n", "byte 12 is not valid UTF-8"),
    ],
)
def test_damaged_csv(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"\n', "line 1 is not JSON"),
        ('{"a": 1}\n{"b": 1}\n', "line 2 must"),
        ("[1]\n", "line 1 must"),
        ("[" * 100_000, "line 1"),
    ],
)
def test_damaged_json_lines(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(tmp_path, content, "a.jsonl"))


def test_json_lines_and_tsv_and_parquet_give_the_same(tmp_path: Path) -> None:
    rows = [{"text": "a\tb" if False else "a b", "label": "1"}, {"text": "007", "label": "0"}]
    files = [
        write(tmp_path, "\n".join(json.dumps(row) for row in rows), "a.jsonl"),
        write(tmp_path, "text\tlabel\na b\t1\n007\t0\n", "a.tsv"),
        tmp_path / "a.parquet",
    ]
    parquet.write_table(arrow.table({"text": ["a b", "007"], "label": [1, 0]}), files[2])
    tables = [read_table(path).columns for path in files]
    assert tables[0] == tables[1] == tables[2] == {"text": ["a b", "007"], "label": ["1", "0"]}


def test_parquet_with_a_hole_or_damage(tmp_path: Path) -> None:
    parquet.write_table(arrow.table({"text": ["a", None]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="'text' has no value in row 1"):
        read_table(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="not a readable Parquet"):
        read_table(write(tmp_path, b"PAR1 nonsense", "b.parquet"))


def test_unknown_endings_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.xlsx"):
        read_table(write(tmp_path, "x", "a.xlsx"))
    with pytest.raises(MissingFileError, match="nope"):
        read_table(tmp_path / "nope.csv")


@pytest.mark.parametrize(
    ("header", "rows", "text", "label"),
    [
        ("review,sentiment", ["fine film,pos", "bad film,neg"], "fine film", "pos"),
        (
            "id,words,kind",
            ["1,a long sentence here,x", "2,another sentence,y", "3,a third one,x"],
            "a long sentence here",
            "x",
        ),
    ],
)
def test_columns_are_found(tmp_path: Path, header: str, rows: list[str], text: str, label: str) -> None:
    found = read_labelled(write(tmp_path, "\n".join([header, *rows])))
    assert (found.texts[0], found.labels[0]) == (text, label)


def test_a_named_column_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    path = write(tmp_path, "text,label\na,1\nb,2\n")
    with pytest.raises(UsageError, match=r"no column 'stars': it has \['text', 'label'\]") as caught:
        read_labelled(path, label="stars")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("rows", "message"), [("a,1\nb,1", "1 classes"), ("a,1\nb,", "row 2 is empty")])
def test_labels_that_cannot_be_trained_on(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_labelled(write(tmp_path, f"text,label\n{rows}\n"))


@given(st.lists(st.sampled_from("abc"), min_size=30, max_size=200), st.integers(0, 3))
def test_splits_are_stratified_disjoint_and_repeatable(labels: list[str], seed: int) -> None:
    if min(labels.count(name) for name in set(labels)) < 2:
        return
    training, held = split_rows(labels, held_out=len(labels) // 5, seed=seed)
    assert sorted([*training, *held]) == list(range(len(labels)))
    for name in set(labels):
        share = sum(labels[row] == name for row in held) / labels.count(name)
        assert abs(share - (len(labels) // 5) / len(labels)) <= 1 / labels.count(name)
    again = split_rows(labels, held_out=len(labels) // 5, seed=seed)
    assert training.tolist() == again[0].tolist()


def test_a_split_that_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="hold out 4 of 4"):
        split_rows(["a", "a", "b", "b"], held_out=4, seed=0)
    with pytest.raises(DataError, match="'b' has one row"):
        split_rows(["a", "a", "b"], held_out=1, seed=0)


@pytest.mark.data
def test_imdb_from_the_catalog(data_folder: Path) -> None:
    reviews = read_labelled("imdb")
    assert (len(reviews), reviews.classes) == (25_000, ["negative", "positive"])
    assert reviews.labels.count("positive") == 12_500
    assert len(read_labelled("imdb", split="test")) == 12_500
    few = draw(reviews, 100, seed=0)
    assert (len(few), few.labels.count("positive")) == (100, 50)
