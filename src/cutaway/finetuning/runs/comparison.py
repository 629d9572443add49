"""Two runs on the same examples: accuracy, McNemar's test, flipped answers, calibration.

Legend: B shared examples.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.finetuning.measures.bootstrap import Interval, mean_interval
from cutaway.finetuning.measures.calibration import Bin, expected_error, overconfidence, reliability
from cutaway.finetuning.runs.matching import Shared
from cutaway.finetuning.runs.mcnemar import McNemar, mcnemar
from cutaway.finetuning.runs.predictions import Answers

# Below this p a difference is called real: one in twenty pairs of equal models would look so different.
SIGNIFICANT = 0.05


@dataclass(frozen=True, kw_only=True)
class Side:
    """One run on the shared examples.

    Attributes:
        accuracy: with its 95 % interval.
        log_loss: with its 95 % interval, nats.
        calibration_error: expected.
        overconfidence: mean confidence minus accuracy.
        bins: of the reliability diagram.
    """

    accuracy: Interval
    log_loss: Interval
    calibration_error: float
    overconfidence: float
    bins: list[Bin]


@dataclass(frozen=True, kw_only=True)
class Flip:
    """An example that one run got right and the other wrong.

    Attributes:
        row: where it stands in the first run's data, from 0.
        text: of the example.
        truth: its class.
        first, second: what each run answered.
        first_confidence, second_confidence: how sure each was of its answer.
        right: which run was right, "first" or "second".
    """

    row: int
    text: str
    truth: str
    first: str
    second: str
    first_confidence: float
    second_confidence: float
    right: str

    @property
    def wrong_confidence(self) -> float:
        """How sure the run was that got it wrong."""
        return self.second_confidence if self.right == "first" else self.first_confidence


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the shared examples say.

    Attributes:
        examples: how many.
        only_first, only_second: further examples that one run held out alone: not compared.
        first, second: each run.
        difference: of accuracy, second minus first, with its 95 % interval over the pairs.
        test: McNemar's.
        flips: the examples on which exactly one was right, the most confident mistake first.
    """

    examples: int
    only_first: int
    only_second: int
    first: Side
    second: Side
    difference: Interval
    test: McNemar
    flips: list[Flip]

    @property
    def real(self) -> bool:
        """Whether the difference is more than chance would make of equal models."""
        return self.test.p < SIGNIFICANT

    @property
    def visible(self) -> float:
        """The smallest difference of accuracy that so many examples, flipping so often, would show."""
        flips = self.test.first_only + self.test.second_only
        return 1.96 * float(np.sqrt(max(1, flips))) / self.examples

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "real": self.real, "visible": self.visible}


def compare_answers(shared: Shared) -> Comparison:
    """Compare two runs on the examples that both held out.

    Args:
        shared: B examples.

    Returns:
        Every figure.
    """
    right = [_right(answers) for answers in (shared.first, shared.second)]
    return Comparison(
        examples=len(shared),
        only_first=shared.only_first,
        only_second=shared.only_second,
        first=_side(shared.first),
        second=_side(shared.second),
        difference=mean_interval(right[1].astype(np.float64) - right[0]),
        test=mcnemar(int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())),
        flips=_flips(shared, right[0]),
    )


def _right(answers: Answers) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = answers.probabilities.argmax(1) == answers.truth
    return found


def _side(answers: Answers) -> Side:
    from cutaway.finetuning.measures.all_measures import row_losses

    bins = reliability(answers.probabilities, answers.truth)
    return Side(
        accuracy=mean_interval(_right(answers)),
        log_loss=mean_interval(row_losses(answers)),
        calibration_error=expected_error(bins),
        overconfidence=overconfidence(answers.probabilities, answers.truth),
        bins=bins,
    )


def _flips(shared: Shared, first_right: NDArray[np.bool_]) -> list[Flip]:
    found = []
    a, b = shared.first, shared.second
    for at in np.flatnonzero(first_right != _right(b)).tolist():
        found.append(
            Flip(
                row=int(a.rows[at]),
                text=a.texts[at],
                truth=a.classes[a.truth[at]],
                first=a.classes[int(a.probabilities[at].argmax())],
                second=b.classes[int(b.probabilities[at].argmax())],
                first_confidence=float(a.probabilities[at].max()),
                second_confidence=float(b.probabilities[at].max()),
                right="first" if first_right[at] else "second",
            )
        )
    return sorted(found, key=lambda flip: -flip.wrong_confidence)
