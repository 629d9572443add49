"""What a head does, in numbers: where its weight goes, how sharply, and which heads tell most.

Legend: A[l, h, t, s] weight of key s for query t; L layers, H heads, T tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder, Trace

FloatArray = NDArray[np.floating[Any]]
BoolArray = NDArray[np.bool_]

SPECIAL = ("[CLS]", "[SEP]", "[PAD]", "<s>", "</s>", "<pad>")
SEPARATORS = ("[SEP]", "</s>")


@dataclass(frozen=True, kw_only=True)
class TellingHead:
    """A head that links content words sharply.

    Attributes:
        layer: from 0.
        head: from 0.
        score: content times sharpness.
        content: share of a content token's weight that goes to other content tokens, 0 to 1.
        sharpness: 1 − entropy / ln T, from 0 (all tokens alike) to 1 (one token).
    """

    layer: int
    head: int
    score: float
    content: float
    sharpness: float


def measure_heads(trace: Trace) -> Trace:
    """Measure where each head's weight goes, on average over the queries.

    `previous`, `next`: the neighbor's weight, over the queries that have one. `first`: the first
    token's. `separator`: all separators' together. `same`: that of every key whose token is the
    query's, itself included. `entropy`: −Σₛ A ln A, in nats, from 0 to ln T.

    Args:
        trace: of one text, with `weights` and `ids`; separators are found by their label, and without
            labels the last token is taken for one.

    Returns:
        A trace of (L, H) arrays of those names.

    Source:
        Clark et al. 2019, arXiv:1906.04341, sections 3.1 to 3.3.
    """
    weights, ids = trace["weights"], trace["ids"]
    ones = np.eye(len(ids), dtype=bool)
    separator = _labelled(trace, SEPARATORS)
    if not separator.any():
        separator = ones[-1]
    rec = Recorder("where each head's weight goes")
    keys = {
        "previous": (np.roll(ones, -1, axis=1), slice(1, None), "A[t, t−1]"),
        "next": (np.roll(ones, 1, axis=1), slice(None, -1), "A[t, t+1]"),
        "first": (np.tile(ones[0], (len(ids), 1)), slice(None), "A[t, 0]"),
        "separator": (np.tile(separator, (len(ids), 1)), slice(None), "Σ A[t, s], s a separator"),
        "same": (ids[:, None] == ids[None, :], slice(None), "Σ A[t, s], ids[s] = ids[t]"),
    }
    for name, (counted, queries, formula) in keys.items():
        share = _mean_over_queries(np.where(counted, weights, 0).sum(-1)[..., queries])
        rec.keep(
            name, share, axes=("layer", "head"), formula=f"mean over t of {formula}", inputs=("weights",)
        )
    rec.keep(
        "entropy",
        _mean_over_queries(_entropy(weights)),
        axes=("layer", "head"),
        formula="mean over t of −Σₛ A[t, s] ln A[t, s]",
        inputs=("weights",),
    )
    return rec.finish()


def most_telling(trace: Trace, topn: int = 3) -> tuple[TellingHead, ...]:
    """Rank heads by how much and how sharply content tokens look at each other.

        content = mean over t ∈ C of Σ A[t, s], s ∈ C, s ≠ t
        sharpness = 1 − (mean over t ∈ C of −Σₛ A[t, s] ln A[t, s]) / ln T
        score = content · sharpness

    C are the content tokens: all but special ones ([CLS], [SEP]; without labels, the first and the
    last). Many heads park their weight on [SEP] or on the token itself; this puts them last. It says
    which heads are worth looking at, not which ones the answer depends on.

    Args:
        trace: of one text, with `weights`.
        topn: how many heads.

    Returns:
        The heads, best first; none where there are fewer than two content tokens.

    Raises:
        UsageError: topn is below 1.
    """
    if topn < 1:
        raise UsageError(f"topn is {topn}: ask for at least 1 head")
    content = content_tokens(trace)
    if content.sum() < 2:
        return ()
    weights = trace["weights"][:, :, content].astype(np.float64)
    others = content[None, :] & ~np.eye(len(content), dtype=bool)[content]
    share = np.where(others, weights, 0).sum(-1).mean(-1)
    sharpness = 1 - _entropy(weights).mean(-1) / math.log(len(content))
    scores = share * sharpness
    best = np.argsort(-scores, axis=None, kind="stable")[:topn]
    places = [divmod(int(place), scores.shape[1]) for place in best]
    return tuple(
        TellingHead(
            layer=at[0],
            head=at[1],
            score=float(scores[at]),
            content=float(share[at]),
            sharpness=float(sharpness[at]),
        )
        for at in places
    )


def content_tokens(trace: Trace) -> BoolArray:
    """Say which tokens are content: not special by label or, without labels, by standing at an end.

    Args:
        trace: of one text, with `weights`.

    Returns:
        (T,) bool.
    """
    content = ~_labelled(trace, SPECIAL)
    if "key" not in trace.labels:
        content[[0, -1]] = False
    return content


def _labelled(trace: Trace, names: tuple[str, ...]) -> BoolArray:
    labels = trace.labels.get("key", ("",) * trace["weights"].shape[-1])
    return np.array([label in names for label in labels])


def _entropy(weights: FloatArray) -> FloatArray:
    """−Σ w ln w along the last axis, in nats; 0 ln 0 is 0."""
    positive = np.where(weights > 0, weights, 1).astype(np.float64)
    entropy: FloatArray = -(positive * np.log(positive)).sum(-1)
    return entropy


def _mean_over_queries(values: FloatArray) -> FloatArray:
    """(L, H, queries) to (L, H); 0 where no query has the neighbor that is asked for."""
    if values.shape[-1] == 0:
        return np.zeros(values.shape[:-1])
    mean: FloatArray = values.mean(-1, dtype=np.float64)
    return mean
