"""Attention rollout against the paper's recursion, written once more in NumPy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from tests.transformers.questions import questions

from cutaway.transformers.question import Question
from cutaway.transformers.rollout import rollout


@settings(max_examples=30)
@given(question=questions())
def test_rollout_is_the_papers_product_and_its_rows_sum_to_one(question: Question) -> None:
    trace = question.trace()
    found = rollout(trace)["rollout"]
    tokens = question.ids.size
    expected = np.eye(tokens)
    for layer, weights in enumerate(trace["weights"].mean(axis=1)):
        expected = (0.5 * weights + 0.5 * np.eye(tokens)) @ expected
        np.testing.assert_allclose(found[layer], expected, atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-9)
