"""fastText's `.bin`: what gensim and fastText write is read to the same vectors, and the other way round."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from cutaway.core.errors import DataError, FormatError, UsageError
from cutaway.embeddings.vectors import WordVectors

gensim = pytest.importorskip("gensim")
FILES = Path(gensim.__file__).parent / "test" / "test_data"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def in_gensim(path: Path):
    from gensim.models.fasttext import load_facebook_vectors

    return load_facebook_vectors(str(path))


def test_known_and_unknown_words_as_gensim_reads_them() -> None:
    ours, theirs = WordVectors.load(FILES / "lee_fasttext_new.bin"), in_gensim(FILES / "lee_fasttext_new.bin")
    assert list(ours.words) == theirs.index_to_key
    known = [word for word in ours.words if word != "</s>"]
    for word in [*known[:200], "unheard", "of", "nächst", "日本語の", "x"]:
        np.testing.assert_allclose(ours[word], theirs[word], atol=1e-6, err_msg=word)


def test_every_word_as_fasttext_knows_it() -> None:
    fasttext = pytest.importorskip("fasttext")
    ours = WordVectors.load(FILES / "lee_fasttext_new.bin")
    native = fasttext.load_model(str(FILES / "lee_fasttext_new.bin"))
    # gensim gives n-grams to the mark of a line's end too; fastText, whose format it is, does not.
    for word in [*ours.words, "unheard", "nächst", "日本語の", "x", "</s>"]:
        np.testing.assert_allclose(ours[word], native.get_word_vector(word), atol=1e-6, err_msg=word)


def test_words_that_are_not_utf8_are_replaced_and_counted() -> None:
    path = FILES / "pang_lee_polarity_fasttext.bin"
    with pytest.raises(FormatError, match=r"entry 148: the word at byte 2173 is not valid UTF-8"):
        WordVectors.load(path)
    vectors = WordVectors.load(path, undecodable="replace")
    odd = [word for word in vectors.words if "\ufffd" in word]
    assert 0 < len(odd) <= vectors.replaced
    fasttext = pytest.importorskip("fasttext")
    model = fasttext.load_model(str(path))  # gensim reads no supervised models
    np.testing.assert_allclose(vectors["the"], model.get_word_vector("the"), atol=1e-6)


def test_neighbors_as_gensim_finds_them() -> None:
    ours, theirs = WordVectors.load(FILES / "lee_fasttext_new.bin"), in_gensim(FILES / "lee_fasttext_new.bin")
    for word in ("night", "nightly", "australia"):
        found = [near.word for near in ours.most_similar(word)]
        assert found == [other for other, _ in theirs.most_similar(word)]


def test_written_files_load_in_gensim_and_fasttext(tmp_path: Path) -> None:
    fasttext = pytest.importorskip("fasttext")
    ours = WordVectors.load(FILES / "lee_fasttext_new.bin")
    path = tmp_path / "again.bin"
    ours.save(path, layout="fasttext-binary")
    again, theirs, native = WordVectors.load(path), in_gensim(path), fasttext.load_model(str(path))
    for word in ("night", "the", "unheardof", "nightlyish"):
        np.testing.assert_array_equal(again[word], ours[word])
        np.testing.assert_allclose(theirs[word], ours[word], atol=1e-6)
        np.testing.assert_allclose(native.get_word_vector(word), ours[word], atol=1e-6)


def test_words_alone_round_trip(tmp_path: Path) -> None:
    vectors = WordVectors(["a", "ß", "c"], np.arange(12.0).reshape(3, 4) + 1)
    vectors.save(tmp_path / "v.bin", layout="fasttext-binary")
    again = WordVectors.load(tmp_path / "v.bin")
    assert list(again.words) == list(vectors.words)
    np.testing.assert_array_equal(again.vectors, vectors.vectors)
    fasttext = pytest.importorskip("fasttext")
    model = fasttext.load_model(str(tmp_path / "v.bin"))
    np.testing.assert_allclose(model.get_word_vector("ß"), vectors["ß"])


def damaged(tmp_path: Path, change) -> Path:
    vectors = WordVectors(["a", "b"], np.ones((2, 3)))
    path = tmp_path / "v.bin"
    vectors.save(path, layout="fasttext-binary")
    path.write_bytes(change(path.read_bytes()))
    return path


DICTIONARY = 8 + 48 + 8 + 28
DAMAGE = {
    "ends within": lambda raw: raw[:40],
    "cut off": lambda raw: raw[: DICTIONARY + 1],
    "truncated": lambda raw: raw[: DICTIONARY + 2 * 11 + 17 + 5],
    "version 3": lambda raw: raw[:4] + struct.pack("<i", 3) + raw[8:],
    "header is damaged": lambda raw: raw[:8] + struct.pack("<i", -3) + raw[12:],
    "numbers, but its header": lambda raw: raw[:8] + struct.pack("<i", 7) + raw[12:],
    "compressed": lambda raw: raw[: DICTIONARY + 22] + b"\1" + raw[DICTIONARY + 23 :],
    "not valid UTF-8": lambda raw: raw[:DICTIONARY] + b"\xff" + raw[DICTIONARY + 1 :],
    "NaN": lambda raw: raw[: DICTIONARY + 39] + struct.pack("<f", np.nan) + raw[DICTIONARY + 43 :],
}


@pytest.mark.parametrize("message", DAMAGE)
def test_a_damaged_file_is_refused_and_says_where(message: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=message):
        WordVectors.load(damaged(tmp_path, DAMAGE[message]))


def test_a_word_that_the_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot hold"):
        WordVectors(["a b"], [[1.0]]).save(tmp_path / "v.bin", layout="fasttext-binary")
    with pytest.raises(UsageError, match="float16"):
        WordVectors(["a"], [[1.0]]).save(tmp_path / "v.bin", layout="fasttext-binary", storage="float16")


def test_a_word_twice_is_refused(tmp_path: Path) -> None:
    second = DICTIONARY + 11
    twice = damaged(tmp_path, lambda raw: raw[:second] + b"a" + raw[second + 1 :])
    with pytest.raises(FormatError, match=r"v.bin: duplicate word 'a': rows 0 and 1"):
        WordVectors.load(twice)
