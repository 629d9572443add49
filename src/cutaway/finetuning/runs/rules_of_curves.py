"""Rules that read the curves. Each names its threshold, says why it lies there, and tells its numbers."""

from __future__ import annotations

from cutaway.finetuning.runs.evidence import WINDOW, Evidence, Finding
from cutaway.finetuning.runs.overfitting import overfitting_point

# Five batches in a row that are so much worse than knowing nothing: the model is sure, and wrong. A run on
# reviews with a good rate, 16 to a batch, came to 1.01 at most; the same with ten times the rate to 1.52.
OVERSHOT = 1.25
# A model that once was so much better than knowing nothing has learned something.
LEARNED = 0.9
# And one that is back here has lost it.
FORGOT = 0.97
# Held-out loss still falls by so much in the last epoch: the training was cut off, not over.
STILL_FALLING = 0.03
# A gradient so many times the median of the ones before it; in the same good run the largest was 4.8 times.
SPIKE = 10.0
# So many of them are no accident of one batch.
SPIKES = 3
NEIGHBORS = 20


def diverged(seen: Evidence) -> Finding | None:
    """The loss became NaN or infinite."""
    if seen.record.status != "diverged":
        return None
    rates = [step.rate for step in seen.history.steps[-1:]]
    return Finding(
        rule="diverged",
        sentence=seen.record.note or "the loss became NaN or infinite",
        advice="lower the rate to a tenth; clip gradients",
        evidence={"steps": len(seen.history.steps), "rate": rates[0] if rates else None},
        settings={"rate": "raised", "clip": "changed", "warmup": "lowered", "precision": "changed"},
    )


def rate_too_high(seen: Evidence) -> Finding | None:
    """Training overshot: it was far worse than knowing nothing, or it learned and then lost it again."""
    if seen.chance is None or len(seen.smooth) < WINDOW:
        return None
    worst, lowest = float(seen.smooth.max()), float(seen.smooth.min())
    final = float(seen.smooth[-WINDOW:].mean())
    at = int(seen.smooth.argmax()) + WINDOW
    lost = lowest <= LEARNED * seen.chance and final >= FORGOT * seen.chance
    if worst < OVERSHOT * seen.chance and not lost:
        return None
    parts = []
    if worst >= OVERSHOT * seen.chance:
        parts.append(
            f"around step {at} the training loss was {worst:.3f}, {worst / seen.chance:.2f} times that of "
            f"knowing only the classes' shares ({seen.chance:.3f})"
        )
    if lost:
        parts.append(
            f"it fell to {lowest:.3f}, then came back to {final:.3f} and stayed: what was learned was lost"
        )
    peak = max(step.rate for step in seen.history.steps)
    return Finding(
        rule="rate too high",
        sentence="; ".join(parts),
        advice=f"lower the peak rate of {peak:.1e} three- to tenfold, or warm up longer",
        evidence={
            "chance": seen.chance,
            "highest": worst,
            "at_step": at,
            "lowest": lowest,
            "final": final,
            "peak_rate": peak,
        },
        settings={"rate": "raised", "warmup": "lowered", "clip": "changed", "schedule": "changed"},
    )


def rate_too_low(seen: Evidence) -> Finding | None:
    """Nothing was learned, quietly: the loss never left that of knowing nothing, in either direction."""
    if seen.chance is None or len(seen.smooth) < 2 * WINDOW:
        return None
    lowest, worst = float(seen.smooth.min()), float(seen.smooth.max())
    if lowest < LEARNED * seen.chance or worst >= OVERSHOT * seen.chance:
        return None
    peak = max(step.rate for step in seen.history.steps)
    return Finding(
        rule="rate too low",
        sentence=(
            f"in {len(seen.history.steps)} steps the training loss stayed between {lowest:.3f} and "
            f"{worst:.3f}; knowing only the classes' shares gives {seen.chance:.3f}"
        ),
        advice=(
            f"raise the peak rate of {peak:.1e} tenfold, or train longer; if nothing moves then, the labels "
            "may not follow from the texts"
        ),
        evidence={"chance": seen.chance, "lowest": lowest, "highest": worst, "peak_rate": peak},
        settings={"rate": "lowered", "epochs": "lowered", "warmup": "raised", "batch_tokens": "raised"},
    )


def cut_short(seen: Evidence) -> Finding | None:
    """The last epoch was the best, and held-out loss was still falling."""
    epochs = seen.history.epochs
    if len(epochs) < 2 or rate_too_low(seen):
        return None
    before, last = epochs[-2].validation["loss"], epochs[-1].validation["loss"]
    fell = 1 - last / before if before > 0 else 0.0
    if not epochs[-1].best or fell < STILL_FALLING:
        return None
    return Finding(
        rule="under-fitting",
        sentence=(
            f"held-out loss fell from {before:.4f} to {last:.4f} ({fell:.1%}) in the last of {len(epochs)} "
            "epochs: it was not done learning"
        ),
        advice="train more epochs, or raise the rate two- to threefold",
        evidence={"before": before, "last": last, "fell": fell, "epochs": len(epochs)},
        settings={"epochs": "lowered", "patience": "lowered", "rate": "lowered", "rank": "lowered"},
    )


def over_fitting(seen: Evidence) -> Finding | None:
    """Past its best epoch, the training loss fell and the held-out loss rose."""
    point = overfitting_point(seen.history)
    if point is None or not point.passed:
        return None
    return Finding(
        rule="over-fitting",
        sentence=(
            f"after epoch {point.epoch} of {point.last_epoch} training loss fell from {point.training:.4f} "
            f"to {point.last_training:.4f}, held-out loss rose from {point.held_out:.4f} to "
            f"{point.last_held_out:.4f}"
        ),
        advice=f"epoch {point.epoch} was kept; stop there, or regularize: a lower rank, more data",
        evidence={
            "best_epoch": point.epoch,
            "held_out": point.held_out,
            "training": point.training,
            "last_held_out": point.last_held_out,
            "last_training": point.last_training,
        },
        settings={"epochs": "raised", "rate": "raised", "rank": "raised", "weight_decay": "lowered"},
    )


def unstable(seen: Evidence) -> Finding | None:
    """Single gradients far above their neighbors: now and then a batch throws the weights about."""
    norms = [step.gradient_norm for step in seen.history.steps if step.gradient_norm is not None]
    spikes = []
    for at in range(NEIGHBORS, len(norms)):
        before = sorted(norms[at - NEIGHBORS : at])
        if before[NEIGHBORS // 2] > 0 and norms[at] > SPIKE * before[NEIGHBORS // 2]:
            spikes.append(at + 1)
    if len(spikes) < SPIKES:
        return None
    largest = max(norms[at - 1] for at in spikes)
    return Finding(
        rule="unstable",
        sentence=(
            f"{len(spikes)} of {len(norms)} gradients were more than {SPIKE:.0f} times the median of the "
            f"{NEIGHBORS} before them, the largest {largest:.1f} (first at step {spikes[0]})"
        ),
        advice="clip at a lower norm, use larger batches or a lower rate; look at those batches",
        evidence={"spikes": len(spikes), "steps": len(norms), "largest": largest, "first_at": spikes[0]},
        settings={"rate": "raised", "clip": "changed", "batch_tokens": "lowered", "warmup": "lowered"},
    )


RULES = (diverged, rate_too_high, rate_too_low, unstable, over_fitting, cut_short)
