"""Head measures against their definitions, one query at a time."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import encoder

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.transformers.heads import measure_heads, most_telling

VOCABULARY = ("[CLS]", "[SEP]", "the", "film", "was", "good")


def make_trace(ids: list[int], weights: Any, *, labelled: bool = True) -> Trace:
    rec = Recorder("made by hand")
    rec.keep("ids", np.array(ids), axes=("token",), formula="given")
    rec.keep("weights", weights, axes=("layer", "head", "query", "key"), formula="given")
    if labelled:
        rec.label("key", [VOCABULARY[n] for n in ids])
    return rec.finish()


def random_weights(tokens: int, seed: int) -> Any:
    return np.random.default_rng(seed).dirichlet([0.3] * tokens, size=(2, 3, tokens))


ids_strategy = st.lists(st.integers(0, 5), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None)
@given(ids=ids_strategy, seed=st.integers(0, 1000))
def test_measures_are_their_definitions(ids: list[int], seed: int) -> None:
    weights = random_weights(len(ids), seed)
    measured = measure_heads(make_trace(ids, weights))
    places = range(len(ids))
    separators = [s for s in places if ids[s] == 1] or [len(ids) - 1]
    for layer, head in np.ndindex(2, 3):
        a = weights[layer, head]

        def mean(values: list[float]) -> float:
            return sum(values) / len(values) if values else 0.0

        expected = {
            "previous": mean([a[t, t - 1] for t in places if t > 0]),
            "next": mean([a[t, t + 1] for t in places if t + 1 < len(ids)]),
            "first": mean([a[t, 0] for t in places]),
            "separator": mean([sum(a[t, s] for s in separators) for t in places]),
            "same": mean([sum(a[t, s] for s in places if ids[s] == ids[t]) for t in places]),
            "entropy": mean([encoder.entropy(a[t]) for t in places]),
        }
        assert {name: measured[name][layer, head] for name in expected} == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(ids=ids_strategy, seed=st.integers(0, 1000), labelled=st.booleans())
def test_telling_heads_are_ranked_by_the_definition(ids: list[int], seed: int, labelled: bool) -> None:
    weights = random_weights(len(ids), seed)
    found = most_telling(make_trace(ids, weights, labelled=labelled), topn=6)
    places = range(len(ids))
    content = [t for t in places if (ids[t] > 1 if labelled else 0 < t < len(ids) - 1)]
    if len(content) < 2:
        assert found == ()
        return
    expected = {}
    for layer, head in np.ndindex(2, 3):
        a = weights[layer, head]
        share = sum(a[t, s] for t in content for s in content if s != t) / len(content)
        sharpness = 1 - sum(encoder.entropy(a[t]) for t in content) / len(content) / log(len(ids))
        expected[layer, head] = share * sharpness
    assert [one.score for one in found] == pytest.approx(sorted(expected.values(), reverse=True))
    for one in found:
        assert one.score == pytest.approx(expected[one.layer, one.head])
        assert one.score == pytest.approx(one.content * one.sharpness)


def test_a_head_that_links_content_beats_one_that_parks_on_the_separator() -> None:
    parked = np.tile(np.eye(4)[3], (4, 1))
    linking = np.eye(4)[[0, 2, 1, 3]]
    found = most_telling(make_trace([0, 2, 3, 1], np.array([[parked, linking]])))
    assert [(one.head, one.score) for one in found] == [(1, 1.0), (0, 0.0)]


def test_fewer_than_one_head_is_refused() -> None:
    with pytest.raises(UsageError, match="topn is 0"):
        most_telling(make_trace([0, 2, 3, 1], random_weights(4, 0)), topn=0)
