"""Texts that are almost the same, beside a search of every pair by the formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.finetuning.near_duplicates import MOST_WORDS, Near, near_duplicates


def shingles(text: str) -> set[tuple[str, ...]]:
    words = "".join(letter if letter.isalnum() else " " for letter in text.casefold()).split()[:MOST_WORDS]
    return {tuple(words[at : at + 3]) for at in range(max(1, len(words) - 2))} if words else set()


def by_hand(training: list[str], held: list[str], least: float) -> list[Near]:
    found = []
    for row, text in enumerate(held):
        mine, near = shingles(text), []
        for at, other in enumerate(training):
            theirs = shingles(other)
            near.append(Near(at, row, len(mine & theirs) / max(1, len(mine | theirs))))
        best = max(near, key=lambda one: (one.similarity, -one.training), default=Near(0, row, 0.0))
        if best.similarity >= least:
            found.append(best)
    return found


texts = st.lists(st.lists(st.sampled_from("abc"), max_size=9).map(" ".join), max_size=8)


@given(texts, texts, st.sampled_from([0.2, 0.5, 0.7, 1.0]))
def test_they_are_those_of_a_search_by_hand(training: list[str], held: list[str], least: float) -> None:
    assert near_duplicates(training, held, least=least) == by_hand(training, held, least)


def test_edited_reviews_are_found_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutaway.finetuning.near_duplicates.HELD_AT_A_TIME", 7)
    random = np.random.default_rng(0)
    words = [f"w{number}" for number in range(400)]
    training = [" ".join(random.choice(words, 80)) for _ in range(300)]
    held = [" ".join(random.choice(words, 80)) for _ in range(30)]
    for row, source in ((4, 17), (11, 200), (29, 0)):
        copied = training[source].upper().split()
        copied[40] = "other"
        held[row] = ", ".join(copied) + " (an ad)"
    found = near_duplicates(training, held)
    assert [(one.training, one.held) for one in found] == [(17, 4), (200, 11), (0, 29)]
    assert found == by_hand(training, held, 0.7)
    assert all(0.85 < one.similarity < 1 for one in found)


def test_a_form_letter_makes_no_millions_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr("cutaway.finetuning.near_duplicates.jaccard", lambda a, b: compared.append(1) or 0.9)
    letter = "dear sir or madam we write to you about a film that we liked very much indeed {}"
    training, held = (
        [letter.format(at + base) for at in range(count)] for base, count in ((0, 500), (900, 40))
    )
    assert len(near_duplicates(training, held)) == 40
    assert len(compared) <= 40 * 20


def test_only_the_beginning_of_a_very_long_text_is_compared() -> None:
    long = " ".join(f"w{number}" for number in range(MOST_WORDS))
    assert near_duplicates([long + " a b c"], [long + " x y z"]) == [Near(0, 0, 1.0)]
    assert near_duplicates([], ["a"]) == near_duplicates(["a"], []) == near_duplicates(["!"], ["?"]) == []
