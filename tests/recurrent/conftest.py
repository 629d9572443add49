"""A small table of vectors, and texts that it can tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

GOOD = ("great", "superb", "lovely", "moving")
BAD = ("awful", "dull", "dreadful", "boring")
PLAIN = ("a", "the", "film", "was", "story", ".")


@pytest.fixture
def table() -> NDArray[np.float32]:
    """Nine words of four numbers, read-only as a mapped file is."""
    values = np.random.default_rng(7).normal(size=(9, 4)).astype(np.float32)
    values.flags.writeable = False
    return values


@pytest.fixture(scope="session")
def vectors_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors as GloVe text: good words point one way, bad ones the other."""
    random = np.random.default_rng(3)
    lines = []
    for words, sign in ((GOOD, 1.0), (BAD, -1.0), (PLAIN, 0.0)):
        for word in words:
            numbers = random.normal(scale=0.3, size=5) + np.array([sign, 0, 0, 0, 0])
            lines.append(" ".join([word, *(f"{number:.5f}" for number in numbers)]))
    path = tmp_path_factory.mktemp("vectors") / "small.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def reviews_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty-four labelled reviews as CSV, sorted by label."""
    rows = [
        f"the film was {first} . {end} {second},{label}"
        for label, words in (("bad", BAD), ("good", GOOD))
        for first in words
        for second in words
        for end in ("a", "the story was")
    ]
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    path.write_text("review,sentiment\n" + "\n".join(rows) + "\n")
    return path
