"""What is saved is read again, in each format; damage to binary files is named."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import DataError, FormatError, ResourceError, UsageError
from cutaway.embeddings.vectors import WordVectors
from cutaway.embeddings.vocabulary import Vocabulary

WORDS = ["the", "king", "naïve", "🙂", '"', "nan", "\x85", "007", "\u2028"]
TABLE = np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32)
ENDINGS = ["safetensors", "txt", "vec", "bin"]


@pytest.fixture
def vectors() -> WordVectors:
    return WordVectors(WORDS, TABLE)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_saved_is_read_again(tmp_path, ending, order) -> None:
    path = tmp_path / f"v.{ending}"
    WordVectors(WORDS, np.array(TABLE, order=order)).save(path)
    again = WordVectors.load(path)
    assert list(again) == WORDS
    np.testing.assert_array_equal(again.vectors, TABLE)
    assert again.vectors.dtype == np.float32
    assert not again.vectors.flags.writeable
    assert [path.name for path in tmp_path.iterdir()] == [f"v.{ending}"]


def test_only_word2vec_has_a_header(tmp_path) -> None:
    vectors = WordVectors(["a", "b"], [[1, 0.5], [-2, 1e-8]])
    for ending, content in {"txt": "a 1 0.5\nb -2 1e-8\n", "vec": "2 2\na 1 0.5\nb -2 1e-8\n"}.items():
        vectors.save(tmp_path / f"v.{ending}")
        assert (tmp_path / f"v.{ending}").read_text().replace("e-08", "e-8") == content


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_part_of_a_large_table(tmp_path, glove, ending) -> None:
    rows = slice(5, 9005)
    words = Vocabulary(glove.words.arrow[rows], distinct="known")
    WordVectors(words, glove.vectors[rows]).save(tmp_path / f"v.{ending}")
    again = WordVectors.load(tmp_path / f"v.{ending}")
    assert again.words[:] == glove.words[rows]
    np.testing.assert_array_equal(again.vectors, glove.vectors[rows])
    assert (tmp_path / f"v.{ending}").stat().st_size < 9000 * 50 * 10


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text(max_size=5), min_size=1, max_size=6, unique_by=lambda w: w.encode("utf-8", "replace")),
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=2),
)
def test_safetensors_hold_any_word_and_number(tmp_path_factory, words, row) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    WordVectors(words, [row] * len(words)).save(path)
    again = WordVectors.load(path)
    assert list(again) == [word.encode("utf-8", "replace").decode() for word in words]
    np.testing.assert_array_equal(again.vectors, np.array([row] * len(words), np.float32))


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["txt", "vec", "bin"]),
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=2),
)
def test_every_float32_survives(tmp_path_factory, ending, row) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{ending}"
    WordVectors(["a", "b"], [row, row[::-1]]).save(path)
    np.testing.assert_array_equal(WordVectors.load(path).vectors, np.array([row, row[::-1]], np.float32))


def test_the_kind_of_a_file_is_seen_not_named(tmp_path, vectors) -> None:
    for ending in ENDINGS:
        vectors.save(tmp_path / f"v.{ending}")
        nameless = (tmp_path / f"v.{ending}").rename(tmp_path / f"nameless-{ending}")
        assert list(WordVectors.load(nameless)) == WORDS
    brace = WordVectors(["a"], [[7.065021915437466e16, 0.0]])  # byte 8 of the file is "{"
    brace.save(tmp_path / "brace.bin")
    assert WordVectors.load(tmp_path / "brace.bin")["a"][0] == np.float32(7.065021915437466e16)


@pytest.mark.parametrize("first", [b"\n", b"1\n", b" \n ", b"1 \n", b"\r\n12"])
def test_a_binary_row_that_begins_like_text(tmp_path, first) -> None:
    """One file in 256 has a line feed as the first byte of its first number."""
    raw = (first + b"\x8f\x99\x99\x3e\x9a\x99\x19\x3f")[:8]
    table = np.array([np.frombuffer(raw, "<f4"), [0.5, 0.25]], dtype=np.float32)
    for name in ("v.bin", "nameless"):
        WordVectors(["king", "queen"], table).save(tmp_path / name, layout="word2vec-binary")
        np.testing.assert_array_equal(WordVectors.load(tmp_path / name).vectors, table)


def test_safetensors_are_mapped(tmp_path, vectors) -> None:
    vectors.save(tmp_path / "v.safetensors")
    base = WordVectors.load(tmp_path / "v.safetensors").vectors
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert type(base).__name__ == "mmap"


def test_smaller_numbers(tmp_path, vectors) -> None:
    sizes = {}
    for storage, error in [
        ("float32", 0),
        ("float16", 2.0**-11 * 4),
        ("int8", np.abs(TABLE).max() / 254 * 1.001),
    ]:
        path = tmp_path / f"{storage}.safetensors"
        vectors.save(path, storage=storage)
        again = WordVectors.load(path)
        np.testing.assert_allclose(again.vectors, TABLE, rtol=0, atol=error)
        assert again.vectors.dtype == np.float32
        header = struct.unpack("<Q", path.read_bytes()[:8])[0]
        entry = json.loads(path.read_bytes()[8 : 8 + header])["vectors"]
        sizes[storage] = entry["data_offsets"][1] - entry["data_offsets"][0]
    assert sizes == {"float32": TABLE.size * 4, "float16": TABLE.size * 2, "int8": TABLE.size}
    zero = WordVectors(["zero", "one"], [[0, 0], [1, -1]])
    zero.save(tmp_path / "zero.safetensors", storage="int8")
    np.testing.assert_array_equal(WordVectors.load(tmp_path / "zero.safetensors").vectors, zero.vectors)


def test_what_a_format_cannot_hold_is_refused(tmp_path, vectors) -> None:
    spaced = WordVectors(["a", ". .", "b\n", ""], np.ones((4, 2)))
    for ending in ("txt", "vec", "bin"):
        with pytest.raises(DataError, match=re.escape(r"3 ('. .', 'b\n', ''); save as .safetensors")):
            spaced.save(tmp_path / f"v.{ending}")
    with pytest.raises(DataError, match="does not fit into float16"):
        WordVectors(["a"], [[1e5]]).save(tmp_path / "v.safetensors", storage="float16")
    with pytest.raises(UsageError, match=r"only .safetensors stores int8"):
        vectors.save(tmp_path / "v.bin", storage="int8")
    with pytest.raises(UsageError, match="one dimension"):
        WordVectors(["5"], [[3.0]]).save(tmp_path / "v.txt")
    with pytest.raises(UsageError, match=r"end it with .safetensors"):
        vectors.save(tmp_path / "v.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_keeps_the_old_file(tmp_path, vectors, monkeypatch) -> None:
    path = tmp_path / "v.vec"
    vectors.save(path)
    before = path.read_bytes()

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cutaway.embeddings.formats.saving._lines", full)
    with pytest.raises(ResourceError, match="no space left"):
        vectors.save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def binary(*rows: tuple[bytes, list[float]], header: bytes = b"2 2\n", end: bytes = b"\n") -> bytes:
    return header + b"".join(word + b" " + struct.pack("<2f", *row) + end for word, row in rows)


GOOD = [(b"king", [1.0, 2.0]), (b"queen", [3.0, 0.1])]


@pytest.mark.parametrize("end", [b"\n", b""], ids=["word2vec.c", "gensim"])
def test_both_writers_of_word2vec_binary(tmp_path, end) -> None:
    (tmp_path / "v.bin").write_bytes(binary(*GOOD, end=end))
    vectors = WordVectors.load(tmp_path / "v.bin")
    assert list(vectors) == ["king", "queen"]
    np.testing.assert_array_equal(vectors.vectors, np.array([[1, 2], [3, 0.1]], np.float32))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (binary(*GOOD)[:-3], "do not fit|damaged or cut off"),
        (binary(*GOOD)[:-9], "do not fit|damaged or cut off"),
        (binary(*GOOD, header=b"3 2\n"), "promises 3 words of 2 dimensions|row 2 of 3"),
        (binary(*GOOD, header=b"1 2\n"), "bytes follow the 1 rows"),
        (binary(*GOOD, header=b"999999999999 300\n"), "promises 999,999,999,999 words .* do not fit"),
        (binary(*GOOD, header=b"2 99999999999\n"), "do not fit"),
        (binary(GOOD[0], (b"king", [5.0, 6.0])), "duplicate word 'king': rows 0 and 1"),
        (binary(GOOD[0], (b"ki\xffng", [5.0, 6.0])), "row 1: the word at byte 18 is not valid UTF-8"),
        (binary(GOOD[0], (b"nan", [float("nan"), 6.0])), "row 1, 'nan', holds NaN"),
        (binary(GOOD[0], (b"", [1.0, 6.0])), "row 1 has no word"),
        (b"2 2\n" + b"\x00" * 5000, "row 0 of 2 is damaged"),
    ],
)
def test_damaged_word2vec_binary(tmp_path, content, match) -> None:
    (tmp_path / "v.bin").write_bytes(content)
    with pytest.raises(FormatError, match=match):
        WordVectors.load(tmp_path / "v.bin")


def reheaded(content: bytes, change) -> bytes:
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    change(header)
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + content[8 + length :]


def set_offset_far(header: dict) -> None:
    header["vectors"]["data_offsets"] = [0, 2**62]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda b: b[:-1], "no readable safetensors file"),
        (lambda b: b + b"x", "no readable safetensors file"),
        (lambda b: b[:30], "no readable safetensors file"),
        (lambda b: struct.pack("<Q", 2**63) + b[8:], "a header of 9,223,372,036,854,775,808 bytes"),
        (lambda b: b[:8] + b"[" * 200 + b[208:], "no readable safetensors file"),
        (lambda b: struct.pack("<Q", 100_000) + b"[" * 100_000, "no readable safetensors file"),
        (lambda b: b.replace(b"king", b"ki\xffg"), "its words are damaged"),
        (lambda b: reheaded(b, set_offset_far), "no readable safetensors file"),
        (lambda b: reheaded(b, lambda h: h["vectors"].update(shape=[4, len(WORDS)])), "no table of word"),
        (lambda b: reheaded(b, lambda h: h["vectors"].update(dtype="I32")), "no table of word"),
        (lambda b: reheaded(b, lambda h: h.update(other=h.pop("words"))), "no tensor 'words'"),
        (lambda b: reheaded(b, lambda h: h["words"].update(dtype="BOOL")), "tensor 'words' is BOOL"),
    ],
)
def test_damaged_safetensors(tmp_path, vectors, change, match) -> None:
    path = tmp_path / "v.safetensors"
    vectors.save(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(FormatError, match=match):
        WordVectors.load(path)


def test_safetensors_with_duplicate_words(tmp_path, vectors) -> None:
    path = tmp_path / "v.safetensors"
    vectors.save(path)
    content = path.read_bytes()
    starts = content.find(np.array([0, 3, 7], np.int32).tobytes())
    changed = content.replace(b"theking", b"thethek")
    changed = changed[:starts] + np.array([0, 3, 6], np.int32).tobytes() + changed[starts + 12 :]
    path.write_bytes(changed)
    with pytest.raises(FormatError, match="duplicate word 'the': rows 0 and 1"):
        WordVectors.load(path)


def test_a_checkpoint_is_no_table_of_words(minilm_folder) -> None:
    with pytest.raises(FormatError, match="no word vectors: no tensor 'vectors' among"):
        WordVectors.load(minilm_folder / "model.safetensors")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # gensim leaks a file
@pytest.mark.parametrize("ending", ["vec", "bin", "txt"])
def test_gensim_reads_what_is_saved_and_writes_what_is_read(tmp_path: Path, glove, ending) -> None:
    gensim = pytest.importorskip("gensim.models.keyedvectors", reason="needs gensim")
    ours = WordVectors(glove.words[:3000], glove.vectors[:3000])
    ours.save(tmp_path / f"ours.{ending}")
    settings = {"binary": ending == "bin", "no_header": ending == "txt"}
    theirs = gensim.KeyedVectors.load_word2vec_format(tmp_path / f"ours.{ending}", **settings)
    assert theirs.index_to_key == list(ours)
    np.testing.assert_array_equal(theirs.vectors, ours.vectors)
    for word in ("king", "paris", "three"):
        their_near = theirs.most_similar(word)
        assert [near.word for near in ours.most_similar(word)] == [near for near, _ in their_near]
    their_sum = theirs.most_similar(["king", "woman"], ["man"])
    assert [near.word for near in ours.analogy("king", "man", "woman")] == [near for near, _ in their_sum]
    theirs.save_word2vec_format(str(tmp_path / f"theirs.{ending}"), binary=ending == "bin")
    again = WordVectors.load(tmp_path / f"theirs.{ending}")
    assert list(again) == list(ours)
    np.testing.assert_array_equal(again.vectors, ours.vectors)
    theirs.save(str(tmp_path / "native.kv"))
    with pytest.raises(FormatError, match=r"gensim's native format is one.*save_word2vec_format"):
        WordVectors.load(tmp_path / "native.kv")
