"""How good word vectors are: do their cosines order pairs of words as people do, do sums answer analogies.

    pairs       tiger cat 7.35      cosine(tiger, cat) is ranked against the ratings        Spearman's ρ
    analogies   Athens Greece Baghdad Iraq      nearest to Greece - Athens + Baghdad        share right

Words that a table lacks are left out and counted: a figure without its coverage says little. A word is looked
up as it stands, then in small letters.

Source: Finkelstein et al. 2002 (WordSim-353); Hill, Reichart and Korhonen 2015 (SimLex-999); Mikolov et al.
2013, arXiv:1301.3781, section 4.1 (analogies); Gladkova, Drozd and Matsuoka 2016 (BATS).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, permutations
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, FormatError, MissingFileError, UsageError
from cutaway.core.text import read_lines
from cutaway.embeddings.similarity import unit_rows
from cutaway.embeddings.vectors import WordVectors

_NORMAL: Final = 1.959964  # standard deviations on either side of 95 %
_FIELLER: Final = 1.06  # times the variance of Fisher's z, for ranks
_FEWEST: Final = 4  # pairs that a correlation's interval needs
_QUESTIONS_AT_A_TIME: Final = 512
_WORDS_OF_A_QUESTION: Final = 4


class RatedPair(NamedTuple):
    """Two words and how alike people find them."""

    a: str
    b: str
    rating: float


class Question(NamedTuple):
    """a is to b as c is to one of the answers."""

    section: str
    a: str
    b: str
    c: str
    answers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PairsResult:
    """How cosines and ratings agree.

    Attributes:
        spearman: the correlation of the two rankings, from -1 to 1.
        low: where its 95 % interval begins.
        high: where it ends.
        used: pairs of which both words are known.
        total: pairs in the file.
    """

    spearman: float
    low: float
    high: float
    used: int
    total: int


@dataclass(frozen=True, kw_only=True)
class AnalogyResult:
    """How many questions were answered.

    Attributes:
        section: the kind of question; "all" for every one.
        accuracy: the share right of those asked, from 0 to 1.
        low: where its 95 % interval begins.
        high: where it ends.
        used: questions of which every word is known.
        total: questions in the file.
    """

    section: str
    accuracy: float
    low: float
    high: float
    used: int
    total: int


def read_pairs(path: str | Path) -> list[RatedPair]:
    """Read rated pairs: two words and a number a line, between tabs, commas or spaces.

    Args:
        path: such as WordSim-353 or SimLex-999; lines that begin with # are left out, and a first line
            whose third part is no number.

    Returns:
        The pairs in the order of the file.

    Raises:
        MissingFileError: there is no such file.
        FormatError: a line has another form, or the file has no pair.
    """
    pairs: list[RatedPair] = []
    for number, line in _lines(path):
        parts = [part.strip() for part in line.split("\t" if "\t" in line else "," if "," in line else None)]
        rating = _number(parts[2]) if len(parts) > 2 else None
        if rating is None:
            if not pairs and len(parts) > 2:
                continue
            raise FormatError(f"{path}, line {number}: {line[:80]!r} is not two words and a number")
        pairs.append(RatedPair(parts[0], parts[1], rating))
    if not pairs:
        raise FormatError(f"{path} has no pair of words with a number")
    return pairs


def read_analogies(path: str | Path) -> list[Question]:
    """Read analogies: Google's file, one of BATS, or a folder of those.

    Args:
        path: a file of four words a line under lines of ": section"; or of a word, a tab and its answers
            with / between, each two lines of which are a question; or a folder of such files.

    Returns:
        The questions.

    Raises:
        MissingFileError: there is no such file.
        FormatError: a line has another form, or there is no question.
    """
    source = Path(path)
    files = sorted(source.rglob("*.txt")) if source.is_dir() else [source]
    questions = [question for file in files for question in _questions(file)]
    if not questions:
        raise FormatError(f"{path} has no analogy")
    return questions


def rate_pairs(vectors: WordVectors, pairs: Sequence[RatedPair]) -> PairsResult:
    """Compare cosines with ratings.

    Args:
        vectors: the table.
        pairs: words and ratings.

    Returns:
        Spearman's correlation with its interval, and how many pairs it rests on.

    Raises:
        DataError: fewer than 4 pairs are known.

    Source:
        Spearman 1904; the interval: Fieller, Hartley and Pearson 1957, Tests for rank correlation
        coefficients I, equation for the variance of z.
    """
    known = [(_known(vectors, pair.a), _known(vectors, pair.b), pair.rating) for pair in pairs]
    found = [(a, b, rating) for a, b, rating in known if a is not None and b is not None]
    if len(found) < _FEWEST:
        raise DataError(f"{len(found)} of {len(pairs)} pairs are known: at least {_FEWEST} are needed")
    cosines = np.array([vectors.similarity(a, b) for a, b, _ in found])
    value = spearman(cosines, np.array([rating for _, _, rating in found]))
    spread = _NORMAL * math.sqrt(_FIELLER / max(len(found) - 3, 1))
    middle = math.atanh(min(max(value, -1 + 1e-12), 1 - 1e-12))
    return PairsResult(
        spearman=value,
        low=math.tanh(middle - spread),
        high=math.tanh(middle + spread),
        used=len(found),
        total=len(pairs),
    )


def answer_analogies(vectors: WordVectors, questions: Sequence[Question]) -> list[AnalogyResult]:
    """Ask a table analogies; the words of a question are no answers to it.

    Args:
        vectors: the table.
        questions: from `read_analogies`.

    Returns:
        A result for each section, in order, and "all" at the end.

    Raises:
        DataError: no question has all its words in the table.
    """
    asked: list[tuple[Question, tuple[str, str, str], set[str]]] = []
    for question in questions:
        words = [_known(vectors, word) for word in (question.a, question.b, question.c)]
        answers = {found for word in question.answers if (found := _known(vectors, word)) is not None}
        a, b, c = words
        if a is not None and b is not None and c is not None and answers:
            asked.append((question, (a, b, c), answers))
    if not asked:
        raise DataError(f"none of {len(questions)} analogies has all its words in the table")
    right: list[bool] = []
    for first in range(0, len(asked), _QUESTIONS_AT_A_TIME):
        right += _right(vectors, asked[first : first + _QUESTIONS_AT_A_TIME])
    results = []
    sections = [name for name, _ in groupby(question.section for question in questions)]
    for name in [*dict.fromkeys(sections), None]:
        hits = [
            hit
            for (question, _, _), hit in zip(asked, right, strict=True)
            if name in (None, question.section)
        ]
        total = sum(name in (None, question.section) for question in questions)
        results.append(_shared(name or "all", sum(hits), len(hits), total))
    return results


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the correlation of two rankings; equal values share the mean of their ranks.

    Args:
        one: (N,) numbers.
        other: (N,) numbers.

    Returns:
        From -1 to 1; 0 where one of them has no order.

    Source:
        Spearman 1904, The proof and measurement of association between two things.

    Example:
        >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
        0.5
    """
    ranks = [_ranks(values) - (len(values) + 1) / 2 for values in (one, other)]
    length = math.sqrt(float(ranks[0] @ ranks[0]) * float(ranks[1] @ ranks[1]))
    return float(ranks[0] @ ranks[1]) / length if length else 0.0


def shared_pairs(tables: Sequence[WordVectors], pairs: Sequence[RatedPair]) -> list[RatedPair]:
    """Return the pairs that every table knows: two tables are compared on the same ones.

    Args:
        tables: any number.
        pairs: from `read_pairs`.

    Raises:
        UsageError: there is no table.
    """
    if not tables:
        raise UsageError("no table is given: name one or more")
    return [
        pair
        for pair in pairs
        if all(_known(table, word) is not None for table in tables for word in (pair.a, pair.b))
    ]


def _right(
    vectors: WordVectors, asked: Sequence[tuple[Question, tuple[str, str, str], set[str]]]
) -> list[bool]:
    words = [word for _, three, _ in asked for word in three]
    units = unit_rows(np.stack([vectors[word] for word in words])).reshape(len(asked), 3, -1)
    sums = units[:, 1] - units[:, 0] + units[:, 2]
    # A word that the others cancel has no direction: the question is asked and not answered.
    lengths = np.linalg.norm(sums, axis=1)
    sums[lengths == 0] = units[lengths == 0, 2]
    found = vectors.nearest_batch(sums, _WORDS_OF_A_QUESTION)
    firsts = [
        next((near.word for near in row if near.word not in three), None)
        for row, (_, three, _) in zip(found, asked, strict=True)
    ]
    return [
        bool(length) and first in answers
        for first, (_, _, answers), length in zip(firsts, asked, lengths.tolist(), strict=True)
    ]


def _shared(section: str, right: int, used: int, total: int) -> AnalogyResult:
    """Return a share with Wilson's interval."""
    if not used:
        return AnalogyResult(section=section, accuracy=0.0, low=0.0, high=1.0, used=0, total=total)
    share, square = right / used, _NORMAL**2
    middle = (share + square / (2 * used)) / (1 + square / used)
    spread = _NORMAL / (1 + square / used) * math.sqrt(share * (1 - share) / used + square / (4 * used**2))
    return AnalogyResult(
        section=section,
        accuracy=share,
        low=max(0.0, middle - spread),
        high=min(1.0, middle + spread),
        used=used,
        total=total,
    )


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return ((2 * last - counts + 1) / 2)[places]


def _known(vectors: WordVectors, word: str) -> str | None:
    return next((form for form in (word, word.lower()) if form in vectors), None)


def _questions(path: Path) -> Iterator[Question]:
    section = path.stem
    listed: list[tuple[str, tuple[str, ...]]] = []
    for number, line in _lines(path):
        parts = line.split()
        if line.startswith(":"):
            section = line[1:].strip()
        elif len(parts) == _WORDS_OF_A_QUESTION:
            yield Question(section, parts[0], parts[1], parts[2], (parts[3],))
        elif len(parts) == 2:
            listed.append((parts[0], tuple(parts[1].split("/"))))
        else:
            raise FormatError(f"{path}, line {number}: {line[:80]!r} is neither four words nor two")
    for (a, of_a), (c, of_c) in permutations(listed, 2):
        yield Question(section, a, of_a[0], c, of_c)


def _lines(path: str | Path) -> Iterator[tuple[int, str]]:
    source = Path(path)
    if not source.is_file():
        raise MissingFileError(f"there is no file {source}")
    for number, line in enumerate(read_lines(source), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
