"""Rules that read the answers to held-out examples, and the data behind them."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from cutaway.finetuning.measures.all_measures import row_losses
from cutaway.finetuning.measures.bootstrap import mean_interval
from cutaway.finetuning.measures.calibration import expected_error, overconfidence, reliability
from cutaway.finetuning.runs.evidence import Evidence, Finding
from cutaway.finetuning.runs.predictions import Answers

# An answer that gives the label less than this is a confident mistake, or the label is one.
DOUBTED = 0.05
# So many rows are listed.
SHOWN = 10
# Fewer examples than this make a calibration error of a few hundredths by chance alone.
ENOUGH = 200
MISCALIBRATED = 0.05
# Almost all answers are of one class that is not almost all of the data.
ONE_CLASS = 0.98
# A word that stands in so large a share of a class, and in no text of the others, gives the class away.
GIVEAWAY = 0.3
# Half an interval of accuracy that is wider than this hides what most settings change.
UNSURE = 0.04
# More of the texts than this are longer than what is read of them.
CUT = 0.3

_WORD = re.compile(r"\w+|[^\w\s]+")


def one_class(seen: Evidence) -> Finding | None:
    """The model answers nearly always the same."""
    answers = seen.answers
    if answers is None:
        return None
    counts = np.bincount(answers.probabilities.argmax(1), minlength=len(answers.classes))
    top = int(counts.argmax())
    share = counts[top] / len(answers)
    true_share = float((answers.truth == top).mean())
    if share < ONE_CLASS or true_share >= ONE_CLASS:
        return None
    name = answers.classes[top]
    return Finding(
        rule="one class",
        sentence=f"{share:.1%} of the answers are {name!r}, which is {true_share:.1%} of the examples",
        advice="nothing was learned that tells the classes apart: look at the rate, then at class weights",
        evidence={"class": name, "answered": float(share), "true": true_share},
        settings={"rate": "changed", "epochs": "lowered", "class_weights": "changed"},
    )


def label_noise(seen: Evidence) -> Finding | None:
    """Examples whose label the model gives almost no chance: read them, some labels will be wrong."""
    answers = seen.answers
    if answers is None:
        return None
    losses = row_losses(answers)
    worst = np.flatnonzero(losses >= -np.log(DOUBTED))
    if not len(worst):
        return None
    worst = worst[np.argsort(-losses[worst], kind="stable")]
    confidence = answers.probabilities.max(1).astype(np.float64)
    sure = confidence >= 1 - DOUBTED
    expected = float((1 - confidence[sure]).sum())
    return Finding(
        rule="label noise candidates",
        sentence=(
            f"{len(worst)} of {len(answers):,} held-out labels get a chance below {DOUBTED:.0%}; by its own "
            f"confidence {expected:.1f} mistakes among its {int(sure.sum()):,} surest answers were to be "
            "expected"
        ),
        advice="read these rows: a label is wrong, a text sarcastic or mixed, or the model overconfident",
        evidence={
            "rows": len(worst),
            "expected": expected,
            "examples": [_example(answers, int(at), float(losses[at])) for at in worst[:SHOWN]],
        },
    )


def leak_suspects(seen: Evidence) -> Finding | None:
    """Held-out texts that are trained on too."""
    count = int(seen.record.data.get("leaks") or 0)
    if not count:
        return None
    rows = seen.record.data.get("leaked") or []
    held = int(seen.record.data.get("held_out") or 0)
    shown = ", ".join(f"{a + 1} and {b + 1}" for a, b in rows[:3])
    return Finding(
        rule="leak suspects",
        sentence=(
            f"{count} of {held:,} held-out texts are trained on too, case and white space aside "
            f"(rows {shown}{', ...' if count > 3 else ''}): the score is too good"
        ),
        advice="drop duplicates before splitting (--duplicates drop)",
        evidence={"leaks": count, "held_out": held, "rows": rows},
        settings={"duplicates": "changed"},
    )


def near_leak_suspects(seen: Evidence) -> Finding | None:
    """Held-out texts that are almost trained on: a comma, a signature, a sentence apart."""
    data = seen.record.data
    count, held = int(data.get("near_leaks") or 0), int(data.get("held_out") or 0)
    if not count:
        return None
    rows = data.get("near_leaked") or []
    shown = ", ".join(f"{a + 1} and {b + 1}: {alike:.0%}" for a, b, alike in rows[:3])
    return Finding(
        rule="near duplicates",
        sentence=(
            f"{count} of {held:,} held-out texts are almost trained on: they share most runs of three words "
            f"with a training text (rows {shown}{', ...' if count > 3 else ''})"
        ),
        advice="read these pairs, and keep the copies of one text on one side of the split",
        evidence={"near": count, "held_out": held, "source": data.get("source"), "rows": rows},
    )


def giveaway_words(seen: Evidence) -> Finding | None:
    """Words that stand in many texts of one class and in none of the others: a label in the text?"""
    answers = seen.answers
    if answers is None or len(answers) < ENOUGH:
        return None
    where = _texts_of_words(answers)
    sizes = np.bincount(answers.truth, minlength=len(answers.classes))
    found = []
    for word, rows in where.items():
        classes = np.unique(answers.truth[rows])
        if len(classes) == 1 and len(rows) >= GIVEAWAY * sizes[classes[0]]:
            found.append((word, answers.classes[int(classes[0])], len(rows) / int(sizes[classes[0]])))
    if not found:
        return None
    found.sort(key=lambda each: (-each[2], -len(each[0]), each[0]))
    word, name, share = found[0]
    return Finding(
        rule="giveaway words",
        sentence=f"{word!r} stands in {share:.0%} of the texts of class {name!r} and in no other text",
        advice="if it will not be there in use, remove it from the texts: the label leaks through it",
        evidence={"words": [{"word": w, "class": c, "share": s} for w, c, s in found[:SHOWN]]},
    )


def miscalibrated(seen: Evidence) -> Finding | None:
    """The model is not right as often as it says."""
    answers = seen.answers
    if answers is None or len(answers) < ENOUGH:
        return None
    error = expected_error(reliability(answers.probabilities, answers.truth))
    if error < MISCALIBRATED:
        return None
    gap = overconfidence(answers.probabilities, answers.truth)
    confidence = float(answers.probabilities.max(1).astype(np.float64).mean())
    way = "overconfident" if gap > 0 else "underconfident"
    return Finding(
        rule="miscalibrated",
        sentence=(
            f"{way}: mean confidence {confidence:.1%}, accuracy {confidence - gap:.1%}, expected calibration "
            f"error {error:.3f}"
        ),
        advice="do not read its probabilities as chances; smooth labels, stop earlier, or scale the logits",
        evidence={"calibration_error": error, "confidence": confidence, "accuracy": confidence - gap},
        settings={"epochs": "raised", "smoothing": "lowered", "rate": "raised"},
    )


def few_examples(seen: Evidence) -> Finding | None:
    """Too few held-out examples to see what settings change."""
    answers = seen.answers
    if answers is None or not len(answers):
        return None
    found = mean_interval(answers.probabilities.argmax(1) == answers.truth)
    half = (found.high - found.low) / 2
    if half < UNSURE:
        return None
    return Finding(
        rule="few held-out examples",
        sentence=f"with {len(answers):,}, accuracy {found.value:.1%} is known to ± {100 * half:.1f} points",
        advice="hold out more, or compare runs on the same examples (runs diff): that sees more",
        evidence={"held_out": len(answers), "low": found.low, "high": found.high},
        settings={"held_out": "lowered"},
    )


def cut_texts(seen: Evidence) -> Finding | None:
    """Many texts are longer than what is read of them."""
    answers, inputs = seen.answers, seen.record.settings.get("inputs")
    limit = inputs.get("max_tokens") if isinstance(inputs, dict) else None
    if answers is None or not limit:
        return None
    share = float((answers.tokens >= limit).mean())
    if share < CUT:
        return None
    cut = answers.tokens >= limit
    right = answers.probabilities.argmax(1) == answers.truth
    scores = {"cut": float(right[cut].mean()), "whole": float(right[~cut].mean()) if (~cut).any() else None}
    told = f"; accuracy on them {scores['cut']:.1%}"
    if scores["whole"] is not None:
        told += f", on the others {scores['whole']:.1%}"
    return Finding(
        rule="cut texts",
        sentence=f"{share:.1%} of the held-out texts reach the limit of {limit} tokens and are cut{told}",
        advice="read more of them (max_tokens), or the end too (truncation head+tail)",
        evidence={"share": share, "limit": limit, **scores},
        settings={"max_tokens": "lowered", "truncation": "changed"},
    )


def _example(answers: Answers, at: int, loss: float) -> dict[str, object]:
    best = int(answers.probabilities[at].argmax())
    return {
        "row": int(answers.rows[at]),
        "text": answers.texts[at],
        "label": answers.classes[answers.truth[at]],
        "answer": answers.classes[best],
        "confidence": float(answers.probabilities[at, best]),
        "loss": loss,
    }


def _texts_of_words(answers: Answers) -> dict[str, NDArray[np.int64]]:
    """The texts in which each word of some frequency stands."""
    where: dict[str, list[int]] = {}
    for at, text in enumerate(answers.texts):
        for word in set(_WORD.findall(text.lower())):
            where.setdefault(word, []).append(at)
    return {word: np.array(rows, dtype=np.int64) for word, rows in where.items() if len(rows) >= SHOWN}


RULES = (
    one_class,
    label_noise,
    leak_suspects,
    near_leak_suspects,
    giveaway_words,
    miscalibrated,
    few_examples,
    cut_texts,
)
