"""Parallel text: what is read, what is refused, ids that give the sentences back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.core.errors import DataError, FormatError, MissingFileError, UsageError
from cutaway.finetuning.parallel_text import (
    ParallelText,
    Subwords,
    encode_pairs,
    read_parallel,
    train_subwords,
)
from cutaway.tokenization.tokenizer import Tokenizer

TEXT = ParallelText(
    sources=["A dog runs.", "Two dogs run fast.", "A man sees two dogs."],
    targets=["Ein Hund rennt.", "Zwei Hunde rennen schnell.", "Ein Mann sieht zwei Hunde."],
)
SUBWORDS = train_subwords(TEXT, vocabulary=300)


def files(folder: Path, source: str, target: str) -> tuple[Path, Path]:
    paths = folder / "a.en", folder / "a.de"
    for path, text in zip(paths, (source, target), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def test_lines_are_paired_and_blank_ones_are_counted(tmp_path: Path) -> None:
    read = read_parallel(*files(tmp_path, "a dog\n\nx\n a cat \n", "ein Hund\ny\n \neine Katze\n"))
    assert read == ParallelText(sources=["a dog", "a cat"], targets=["ein Hund", "eine Katze"], blank=2)


def test_files_of_unequal_length_are_refused_with_both_counts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 lines .* 1: line n"):
        read_parallel(*files(tmp_path, "a\nb\n", "c\n"))


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pair"):
        read_parallel(*files(tmp_path, "\n\n", "a\nb\n"))
    with pytest.raises(MissingFileError):
        read_parallel(tmp_path / "none", tmp_path / "none")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_ids_give_any_sentence_back(text: str) -> None:
    ids = SUBWORDS.encode([text])[0]
    special = any(token in text for token in ("<pad>", "<s>", "</s>"))
    assert ids[-1] == SUBWORDS.end
    assert special or SUBWORDS.decode(ids) == text.strip()


def test_a_first_word_is_spelled_as_any_other() -> None:
    first, inside = SUBWORDS.encode(["Ein", "Ein Ein"])
    assert inside.tolist() == [*first[:-1], *first[:-1], SUBWORDS.end]
    assert SUBWORDS.tokens(first)[0].startswith("▁")


def test_a_saved_table_gives_the_same_ids(tmp_path: Path) -> None:
    SUBWORDS.save(tmp_path / "tokenizer.json")
    loaded = Subwords.load(tmp_path)
    assert (loaded.pad, loaded.start, loaded.end, loaded.size) == (0, 1, 2, SUBWORDS.size)
    for mine, theirs in zip(SUBWORDS.encode(TEXT.targets), loaded.encode(TEXT.targets), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_table_without_the_three_marks_is_refused() -> None:
    with pytest.raises(FormatError, match="<pad>"):
        Subwords(Tokenizer.train(["a b"], vocab_size=258))


def test_long_pairs_are_left_out_and_counted() -> None:
    whole = encode_pairs(TEXT, SUBWORDS)
    longest = max(len(ids) for ids in [*whole.sources, *whole.targets])
    short = encode_pairs(TEXT, SUBWORDS, longest=longest - 1)
    assert (whole.long, len(whole)) == (0, 3)
    assert short.long + len(short) == 3
    assert short.long >= 1
    with pytest.raises(DataError, match="more than 2 tokens"):
        encode_pairs(TEXT, SUBWORDS, longest=2)
    with pytest.raises(UsageError, match="longest is 1"):
        encode_pairs(TEXT, SUBWORDS, longest=1)


def test_batches_hold_every_pair_once_within_the_budget() -> None:
    pairs = encode_pairs(TEXT, SUBWORDS)
    both = [len(one) + len(other) for one, other in zip(pairs.sources, pairs.targets, strict=True)]
    batches = pairs.batches(budget=sum(both) - 1, seed=3)
    assert sorted(np.concatenate(batches).tolist()) == [0, 1, 2]
    assert all(sum(both[row] for row in batch) < sum(both) for batch in batches)
