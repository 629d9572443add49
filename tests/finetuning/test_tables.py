"""Tables: every value byte for byte, every damage with its row."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.core.errors import DataError, MissingFileError, UsageError
from cutaway.finetuning.data import draw, read_labelled, split_rows
from cutaway.finetuning.tables import read_table


def columns(path: Path, **options: object) -> dict[str, list[str]]:
    table = read_table(path, **options)  # type: ignore[arg-type]
    return {name: list(values) for name, values in table.columns.items()}


def write(folder: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_values_stay_the_text_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, 'text,label\n007,NA\n"a ""b""\nc",null\n1e5,\n')
    assert columns(path) == {"text": ["007", 'a "b"\nc', "1e5"], "label": ["NA", "null", ""]}


def test_a_byte_order_mark_and_crlf_are_no_part_of_the_data(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbftext,label\r\nyes,1\r\n")
    assert columns(path) == {"text": ["yes"], "label": ["1"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("\ufeff", "empty"),
        ("text,label\n", r"no row of data; its columns are \['text', 'label'\]"),
        ("text,label\na,1\n\nb\n", r"row 2 \(line 4\) has 1 values, the header has 2: \['text', 'label'\]"),
        ("text,label\na,1,2\n", r"row 1 \(line 2\) has 3 values"),
        ("text,text\na,1\n", "'text' more than once"),
        ('text,label\nb,1\n"a,1\nb,2\n', r"begins in line 3: a quote is opened and never closed; .*'label'"),
        ('text,label\n"a"b,1\n', "begins in line 2: a quote is closed inside a value"),
        ("text,label\na\rb,1\n", "line 2: a lone carriage return"),
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
        ('{"a": 1}\n{"b": 1}\n', r"line 2 must have the keys of the first, \['a'\]: it lacks 'a'"),
        ('{"a": 1}\n\n{"a": 2, "b": 1}\n', "line 3 .* also has 'b'"),
        ('{"a": 1, "a": 2}\n', "a key stands twice"),
        ("{}\n", "without keys"),
        ("\n", "empty"),
        ("[1]\n", "line 1 must"),
        ("[" * 100_000, "line 1"),
    ],
)
def test_damaged_json_lines(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(tmp_path, content, "a.jsonl"))


def test_every_format_gives_the_same(tmp_path: Path) -> None:
    rows = [{"text": "a b", "label": 1}, {"text": "007", "label": 0}]
    files = [
        write(tmp_path, "\n".join(json.dumps(row) for row in rows), "a.jsonl"),
        write(tmp_path, "text\tlabel\na b\t1\n007\t0\n", "a.tsv"),
        tmp_path / "a.parquet",
        tmp_path / "a.arrow",
        tmp_path / "b.arrow",
    ]
    table = arrow.table({"text": ["a b", "007"], "label": [1, 0]})
    parquet.write_table(table, files[2])
    feather.write_feather(table, files[3])
    with arrow.ipc.new_stream(files[4], table.schema) as stream:
        stream.write_table(table)
    for path in files:
        assert columns(path) == {"text": ["a b", "007"], "label": ["1", "0"]}, path.name


def test_numbers_in_json_keep_their_spelling_and_holes_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, '{"text": "a", "label": 1e5}\n{"text": "b", "label": 1.50}\n', "a.jsonl")
    assert columns(path)["label"] == ["1e5", "1.50"]
    path = write(tmp_path, '{"text": "a", "label": "x"}\n{"text": null, "label": "y"}\n', "b.jsonl")
    with pytest.raises(DataError, match="column 'text' has no value in row 2"):
        read_labelled(path)
    path = write(tmp_path, '{"text": "a\\ud800", "label": true}\n{"text": "b", "label": [1]}\n', "c.jsonl")
    assert columns(path) == {"text": ["a\ufffd", "b"], "label": ["true", "[1]"]}


def test_quoted_line_ends_stay_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, b'text,label\r\n"a\r\nb\nc\rd",1\r\n e ,2\r\n')
    assert columns(path) == {"text": ["a\r\nb\nc\rd", " e "], "label": ["1", "2"]}


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=20), st.integers(0, 60))
def test_any_text_survives_csv_and_json_lines_and_the_spill_to_a_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], spill_at: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with (folder / "a.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    (folder / "a.jsonl").write_text("\n".join(lines))
    wanted = {"text": [text for text, _ in rows], "label": [label for _, label in rows]}
    for name in ("a.csv", "a.jsonl"):
        assert columns(folder / name, spill_at=spill_at) == wanted


def test_a_column_is_a_sequence_wherever_it_lies(tmp_path: Path) -> None:
    texts = [f"text {at}" for at in range(40_000)]
    path = write(tmp_path, "text,label\n" + "".join(f"{text},{at % 2}\n" for at, text in enumerate(texts)))
    for spill_at in (1 << 30, 1000):
        column = read_table(path, spill_at=spill_at).columns["text"]
        assert len(column) == 40_000
        assert list(column) == texts
        assert (column[0], column[-1], column[16_384]) == (texts[0], texts[-1], texts[16_384])
        assert column[16_380:16_390] == texts[16_380:16_390]
        view = column.take(np.array([39_999, 3, 3]))
        assert (list(view), view[1], view[-3]) == (
            [texts[39_999], texts[3], texts[3]],
            texts[3],
            texts[39_999],
        )
        assert list(view.take(np.array([2, 0]))) == [texts[3], texts[39_999]]
        with pytest.raises(IndexError):
            column[40_000]


def test_bytes_that_are_no_utf8_are_replaced_and_counted_on_request(tmp_path: Path) -> None:
    raw = b"text,label\n" + "\ufffd genuine".encode() + b",x\nbad \xff\xfe,y\ncut \xe2\x82,x\n"
    path = write(tmp_path, raw)
    with pytest.raises(DataError, match=r"byte 29 is not valid UTF-8 \(0xff\)"):
        read_table(path)
    found = read_labelled(path, undecodable="replace")
    assert list(found.texts) == ["\ufffd genuine", "bad \ufffd\ufffd", "cut \ufffd"]
    assert found.replaced == 3


def test_a_cut_character_at_the_border_of_two_pieces_is_not_counted(tmp_path: Path) -> None:
    body = b"text,label\n" + b"a" * ((1 << 20) - 12) + "\ufffd\ufffd".encode() + b"\xff,x\nb,y\n"
    assert read_table(write(tmp_path, body), undecodable="replace").replaced == 1


def test_columns_without_a_spelling_are_left_out(tmp_path: Path) -> None:
    table = arrow.table({"text": ["a", "b"], "raw": [b"1", b"2"], "list": [[1], [2]], "label": ["x", "y"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert columns(tmp_path / "a.parquet") == {"text": ["a", "b"], "label": ["x", "y"]}
    parquet.write_table(table.select(["raw"]), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"no column of text.*\['raw'\]"):
        read_table(tmp_path / "b.parquet")


def test_numbered_classes_take_the_names_of_the_hubs_metadata(tmp_path: Path) -> None:
    features = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    table = arrow.table({"text": ["a", "b"], "label": [1, 0]}).replace_schema_metadata(told)
    parquet.write_table(table, tmp_path / "a.parquet")
    assert columns(tmp_path / "a.parquet")["label"] == ["pos", "neg"]
    unlabelled = arrow.table({"text": ["a", "b"], "label": [1, -1]}).replace_schema_metadata(told)
    parquet.write_table(unlabelled, tmp_path / "b.parquet")
    with pytest.raises(DataError, match="'label' has no value in row 2"):
        read_labelled(tmp_path / "b.parquet")


def test_parquet_and_arrow_with_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    values = arrow.array([b"a", b"b\xff"]).view(arrow.string())
    table = arrow.table({"text": values, "label": ["x", "y"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, tmp_path / "a.arrow", compression="uncompressed")
    for name in ("a.parquet", "a.arrow"):
        with pytest.raises(DataError, match="'text' is not valid UTF-8 in row 2"):
            read_table(tmp_path / name)


def test_parquet_with_a_hole_or_damage(tmp_path: Path) -> None:
    parquet.write_table(arrow.table({"text": ["a", None]}), tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").columns["text"].hole == 1
    with pytest.raises(DataError, match="not a readable Parquet"):
        read_table(write(tmp_path, b"PAR1 nonsense", "b.parquet"))
    with pytest.raises(DataError, match="not a readable Arrow"):
        read_table(write(tmp_path, b"ARROW1 nonsense", "b.arrow"))


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


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1\nb,1", "1 classes"),
        ("a,1\nb,", "label in row 2 is empty"),
        ("a,1\n ,2\n\t,2", r"2 of 3 texts are empty \(column 'text', row 2, 3\)"),
    ],
)
def test_labels_that_cannot_be_trained_on(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_labelled(write(tmp_path, f"text,label\n{rows}\n"))


def test_a_table_without_labels_is_not_given_any(tmp_path: Path) -> None:
    rows = "".join(f"{at},some text number {at}\n" for at in range(50))
    with pytest.raises(
        DataError, match=r"no column looks like labels: 'id' has 50 values.*\['id', 'words'\]"
    ):
        read_labelled(write(tmp_path, f"id,words\n{rows}"))
    with pytest.raises(DataError, match=r"no column of labels beside 'words': it has \['words'\]"):
        read_labelled(write(tmp_path, "words\na\nb\n"))


def test_a_column_that_always_says_the_same_is_not_taken_for_labels(tmp_path: Path) -> None:
    rows = "".join(f"train,some text number {at},{'xy'[at % 2]}\n" for at in range(10))
    assert read_labelled(write(tmp_path, f"part,words,kind\n{rows}")).classes == ["x", "y"]


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
