"""The figures shown before a training, against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.core.errors import DataError
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.describe import describe, leaked_rows, without_duplicates
from cutaway.finetuning.inputs import InputSettings, kept, rows_of
from cutaway.tokenization.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.load("bert-base-uncased")


def labelled(*rows: tuple[str, str]) -> Labelled:
    return Labelled(texts=[text for text, _ in rows], labels=[label for _, label in rows], source="here")


def test_lengths_and_what_is_not_read(tokenizer: Tokenizer) -> None:
    data = labelled(*[("word " * count, "xy"[count % 2]) for count in range(1, 101)])
    found = describe(data, tokenizer=tokenizer, inputs=InputSettings(max_tokens=42)).lengths
    assert (found.unit, found.limit, found.median, found.longest) == ("tokens", 40, 50, 100)
    assert found.truncated == pytest.approx(0.6)
    assert found.unread == pytest.approx(sum(range(1, 61)) / sum(range(1, 101)))
    assert sum(found.counts) == 100
    for low, high, count in zip(found.edges, found.edges[1:], found.counts, strict=False):
        assert count == sum(low <= length < high for length in range(1, 101))


def test_balance_repeats_and_leaks() -> None:
    data = labelled(("A film", "x"), ("other", "y"), ("a  FILM\n", "y"), ("a film", "x"), ("more", "x"))
    split = (np.array([4, 3, 1]), np.array([0, 2]))
    found = describe(data, split=split)
    assert found.classes == {"x": 3, "y": 2}
    assert found.duplicates == 2
    assert found.contradictions == [(0, 2)]
    assert found.leaks == [(3, 0), (3, 2)]
    told = "\n".join(found.lines())
    assert "x         3   60.0%" in told
    assert "2 rows repeat an earlier text, 1 with another label (1 and 3)" in told
    assert "leakage: 2 held-out rows" in told
    assert list(without_duplicates(data).texts) == ["A film", "other", "more"]


def test_near_duplicates_are_leaks_that_differ_a_little() -> None:
    long = "this film has every single thing that a film of its kind should have and then a little more of it"
    data = labelled((long, "x"), ("other", "y"), (f"{long} Bye", "y"), (long.upper(), "x"), ("more", "x"))
    found = describe(data, split=(np.array([4, 0, 1]), np.array([3, 2])))
    assert found.leaks == [(0, 3)]
    # 21 words make 19 runs of three, and one more in the copy.
    assert found.near == [(0, 2, 19 / 20)]
    told = "\n".join(found.lines())
    assert "near leakage: 1 more held-out rows are almost in the training part" in told
    assert "1 and 3 95%" in told


@given(st.lists(st.sampled_from("abcdef")), st.lists(st.sampled_from("abcdefgh")))
def test_leaks_are_those_of_a_search_by_hand(training: list[str], test: list[str]) -> None:
    by_hand = [(training.index(text), row) for row, text in enumerate(test) if text in training]
    assert leaked_rows(training, test) == by_hand


def test_clean_data_has_nothing_to_tell_of(tokenizer: Tokenizer) -> None:
    told = "\n".join(
        describe(labelled(("a", "x"), ("b", "y")), tokenizer=tokenizer, inputs=InputSettings()).lines()
    )
    assert "duplicates" not in told
    assert "leakage" not in told
    assert "0.0% of the texts are longer" in told
    with pytest.raises(DataError, match="no row"):
        describe(labelled())


def test_rows_are_the_same_whatever_the_block(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a film " * count for count in range(1, 60)]
    settings = InputSettings(max_tokens=20)
    monkeypatch.setattr("cutaway.finetuning.inputs.TEXTS_AT_A_TIME", 7)
    rows = rows_of(tokenizer, texts, settings)
    assert len(rows) == 59
    for row, text in zip(rows, texts, strict=True):
        ids = tokenizer.encode(text, special=False).ids
        head, tail = kept(len(ids), settings)
        assert row.tolist() == [101, *ids[:head], *ids[len(ids) - tail :], 102]
    assert rows.lengths.tolist() == [len(row) for row in rows]
    assert [row.tolist() for row in rows[3:5]] == [rows[3].tolist(), rows[-55].tolist()]
    with pytest.raises(DataError, match="text 30 of 31 is empty"):
        rows_of(tokenizer, ["a"] * 29 + [" ", "b"], settings)
