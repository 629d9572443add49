"""word2vec and fastText as their papers write them: one step for each center, in plain NumPy lines.

Every model here does the same thing: some vectors v are asked about some vectors u, σ(v·u) is the
answer, y the truth, and each is pulled towards the other, or pushed away, by how wrong the answer was:

    s = v uᵀ;  g = rate · weight · (y - σ(s));  v ← v + g u;  u ← u + gᵀ v                    (1)

which is one step down the gradient of -Σ weight · log σ(±s). They differ in who is asked about whom:

    model                     inputs v                            outputs u (y = 1; y = 0)
    skip-gram                 each word of the context            the center; negatives
    CBOW                      the mean of the context             the center; negatives
    fastText, skip-gram       the mean of the center's pieces     the words of the context; negatives
    hierarchical softmax      as above                            the nodes on the center's path (left; right)

Departs: the negatives of a center serve its whole context, so a step is a product of small matrices
(Ji et al. 2016, arXiv:1604.04661); in fastText each then weighs as much as there are words it serves.
As the paper has it, skip-gram takes one word of the context after the other, each with negatives of its own:
so it does here where a plan says so, a little better, in a third more time. A pair is then scored before the
one before it moves, so that a processor can work at two; that is not in the paper.
Each row of a mean takes the whole pull, as in the papers' programs, not its share of it.

This is the definition. `training_kernels` does the same, faster; tests hold the two equal.

Letters: V words, D dimensions, C inputs, S outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cutaway.embeddings.draws import Plan
from cutaway.embeddings.huffman import Paths

Model = Literal["skip-gram", "cbow"]
Floats = NDArray[np.floating]
Ids = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Step:
    """Who is asked about whom.

    Attributes:
        center: its place in the plan.
        inputs: for each of C inputs the rows whose mean it is.
        outputs: (S,) rows.
        labels: (S,) 1 for a pull, 0 for a push.
        weights: (S,) how often each output counts.
    """

    center: int
    inputs: tuple[Ids, ...]
    outputs: Ids
    labels: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Pull:
    """What one step computed, before it moved anything.

    Attributes:
        v: (C, D) inputs.
        u: (S, D) outputs.
        scores: (C, S).
        errors: (C, S) g of equation 1.
        moves_v: (C, D) what is added to each row of each input.
        moves_u: (S, D) what is added to each output.
        loss: in nats, Σ -weight · log σ(±s).
    """

    v: Floats
    u: Floats
    scores: Floats
    errors: Floats
    moves_v: Floats
    moves_u: Floats
    loss: float


def sigmoid(s: Floats) -> Floats:
    """Return σ(s) = 1 / (1 + e⁻ˢ).

    Args:
        s: any shape.

    Returns:
        The same shape, from 0 to 1.

    Example:
        >>> sigmoid(np.array([0.0, 100.0, -1000.0])).tolist()
        [0.5, 1.0, 0.0]
    """
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * s))


def pull(inputs: Floats, outputs: Floats, step: Step, rate: float) -> Pull:
    """Compute equation 1 without moving anything.

    Args:
        inputs: (V, D) or more rows.
        outputs: (V, D) or as many rows as there are nodes.
        step: who is asked about whom.
        rate: the learning rate.

    Returns:
        Every value of the step.

    Source:
        Mikolov et al. 2013, arXiv:1310.4546, equations 3 and 4.
    """
    v = np.stack([inputs[rows].mean(axis=0) for rows in step.inputs])  # (C, D)
    u = outputs[step.outputs]  # (S, D)
    scores = v @ u.T  # (C, S)
    g = rate * step.weights * (step.labels - sigmoid(scores))  # (C, S)
    signs = 1 - 2 * step.labels  # (S,)
    loss = float((step.weights * np.logaddexp(0, signs * scores)).sum())
    return Pull(v=v, u=u, scores=scores, errors=g, moves_v=g @ u, moves_u=g.T @ v, loss=loss)


def take(inputs: Floats, outputs: Floats, step: Step, rate: float) -> Pull:
    """Compute equation 1 and move the rows; a row that is named twice moves twice.

    Args:
        inputs: (V, D) or more rows, changed in place.
        outputs: (V, D) or as many rows as there are nodes, changed in place.
        step: who is asked about whom.
        rate: the learning rate.

    Returns:
        What was computed.
    """
    done = pull(inputs, outputs, step, rate)
    _move(inputs, outputs, step, done.errors)
    return done


def take_pairs(inputs: Floats, outputs: Floats, steps: Iterable[Step], rate: float) -> Iterator[Pull]:
    """Take the steps of pairs with noise of their own: g of each is computed before the one before moves.

        g₁; g₂; move by g₁; g₃; move by g₂; …                                                 (2)

    Args:
        inputs: (V, D), changed in place.
        outputs: (V, D), changed in place.
        steps: of one sentence.
        rate: the learning rate.

    Yields:
        What was computed, before it moved anything: its errors move the rows as they are by then.
    """
    waits: tuple[Step, Pull] | None = None
    for step in steps:
        done = pull(inputs, outputs, step, rate)
        yield done
        if waits:
            _move(inputs, outputs, waits[0], waits[1].errors)
        waits = step, done
    if waits:
        _move(inputs, outputs, waits[0], waits[1].errors)


def _move(inputs: Floats, outputs: Floats, step: Step, g: Floats) -> None:
    v = np.stack([inputs[rows].mean(axis=0) for rows in step.inputs])
    moves_v = g @ outputs[step.outputs]
    np.add.at(outputs, step.outputs, g.T @ v)
    for rows, move in zip(step.inputs, moves_v, strict=True):
        np.add.at(inputs, rows, move)


@dataclass(frozen=True, kw_only=True)
class Sides:
    """How a model chooses inputs and outputs.

    Attributes:
        model: "skip-gram" or "cbow".
        pieces: for each word the rows that stand for it: itself, or itself and its n-grams.
        subwords: whether those are fastText's.
        paths: the tree of hierarchical softmax, or None for negatives.
    """

    model: Model
    pieces: tuple[Ids, ...]
    subwords: Literal["whole words", "n-grams"] = "whole words"
    paths: Paths | None = None


def steps_of(plan: Plan, sides: Sides) -> Iterator[Step]:
    """Yield the steps of one sentence, center after center; a center without context has none.

    Args:
        plan: what chance decided.
        sides: how inputs and outputs are chosen.

    Yields:
        Steps, in order.

    Source:
        Mikolov et al. 2013, arXiv:1301.3781, sections 3.1 and 3.2, and arXiv:1310.4546, section 2;
        Bojanowski et al. 2017, arXiv:1607.04606, section 3.2.
    """
    words, pair = plan.words, 0
    for i in range(len(words)):
        reach = int(plan.reaches[i])
        context = np.concatenate([words[max(0, i - reach) : i], words[i + 1 : i + 1 + reach]])
        if not len(context):
            continue
        if sides.model == "skip-gram" and sides.subwords == "n-grams":
            yield _from_center_to_context(plan, i, context, sides)
            continue
        rows = [sides.pieces[word] for word in context]
        if plan.serves == "pairs":
            steps = [((row,), plan.negatives[pair + at]) for at, row in enumerate(rows)]
            pair += len(rows)
        else:
            inputs = tuple(rows) if sides.model == "skip-gram" else (np.concatenate(rows),)
            steps = [(inputs, plan.negatives[i])]
        for inputs, noise in steps:
            outputs, labels, weights = _outputs(plan.words[i], noise, sides)
            yield Step(center=i, inputs=inputs, outputs=outputs, labels=labels, weights=weights)


def _outputs(
    word: np.int32, noise: Ids, sides: Sides
) -> tuple[Ids, NDArray[np.float64], NDArray[np.float64]]:
    """Return the center and its negatives, or the nodes on its path."""
    if sides.paths is not None:
        nodes, labels = sides.paths.of(int(word))
        return nodes, labels.astype(np.float64), np.ones(len(nodes))
    wanted = np.append(1.0, np.zeros(len(noise)))
    rows = np.append(word, noise).astype(np.int32)
    return rows, wanted, np.append(1.0, (noise != word).astype(np.float64))


def _from_center_to_context(plan: Plan, i: int, context: Ids, sides: Sides) -> Step:
    noise = plan.negatives[i]
    serves = [float((context != row).sum()) for row in noise]  # a word of the context is no noise to itself
    return Step(
        center=i,
        inputs=(sides.pieces[plan.words[i]],),
        outputs=np.append(context, noise).astype(np.int32),
        labels=np.append(np.ones(len(context)), np.zeros(len(noise))),
        weights=np.append(np.ones(len(context)), serves),
    )
