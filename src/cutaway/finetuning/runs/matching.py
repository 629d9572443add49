"""The held-out examples that two runs share, whatever order or file they came from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from cutaway.core.errors import DataError
from cutaway.finetuning.runs.predictions import Answers


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Two runs' answers to the same examples, in the same order.

    Attributes:
        first, second: the answers.
        only_first, only_second: how many further examples one of them held out alone.
    """

    first: Answers
    second: Answers
    only_first: int
    only_second: int

    def __len__(self) -> int:
        return len(self.first)


def shared_examples(first: Answers, second: Answers) -> Shared:
    """Pair the examples whose text and label are the same; a text that stands twice is paired twice.

    Args:
        first: a run's answers.
        second: another run's.

    Returns:
        The pairs.

    Raises:
        DataError: they share no example.
    """
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at in range(len(second) - 1, -1, -1):
        places[second.texts[at], second.classes[second.truth[at]]].append(at)
    pairs = [(at, places[key].pop()) for at, key in enumerate(_keys(first)) if places.get(key)]
    if not pairs:
        raise DataError(
            f"the runs share no held-out example (of {len(first):,} and {len(second):,}): there is nothing "
            "on which both were judged; train both with the same data, held-out share and seed"
        )
    a, b = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    return Shared(
        first=first.pick(a),
        second=second.pick(b),
        only_first=len(first) - len(a),
        only_second=len(second) - len(b),
    )


def _keys(answers: Answers) -> list[tuple[str, str]]:
    return [(text, answers.classes[truth]) for text, truth in zip(answers.texts, answers.truth, strict=True)]
