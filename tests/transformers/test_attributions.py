"""Gradients against finite differences, integrated ones against completeness and a fine sum; rollout."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transformers.questions import questions
from torch import nn

from cutaway.core.errors import UsageError
from cutaway.transformers import attributions
from cutaway.transformers.attributions import gradient_times_input, integrated_gradients, lobatto
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.question import Question
from cutaway.transformers.rollout import rollout


def answer_at(question: Question, vectors: Any) -> float:
    """The answer where the text's token vectors are these: they stand behind the table, as new words."""
    model = copy.copy(question.model)
    model._modules = dict(model._modules)
    table = question.table.weight.detach()
    longer = nn.Embedding.from_pretrained(torch.cat((table, torch.tensor(vectors).to(table))))
    model.config = replace(model.config, vocabulary=len(longer.weight))
    if isinstance(model, Gpt):
        model.token = longer
    else:
        model.embeddings = copy.copy(model.embeddings)
        model.embeddings._modules = dict(model.embeddings._modules)
        model.embeddings.token, model.embeddings.config = longer, model.config
    new = len(table) + np.arange(len(vectors))
    return replace(question, model=model, ids=new).answer()


@settings(max_examples=25)
@given(question=questions())
def test_gradient_times_input_is_the_slope_towards_the_token(question: Question) -> None:
    found = gradient_times_input(question)
    vectors = found["token_vectors"].astype(float)
    assert float(found["answer"]) == pytest.approx(question.answer(), rel=1e-9, abs=1e-9)
    step = 1e-5
    scale = max(1.0, float(np.abs(found["attribution"]).max()))
    for token in range(len(vectors)):
        moved = np.zeros_like(vectors)
        moved[token] = step * vectors[token]
        slope = (answer_at(question, vectors + moved) - answer_at(question, vectors - moved)) / (2 * step)
        assert found["attribution"][token] == pytest.approx(slope, rel=2e-3, abs=2e-3 * scale)


@settings(max_examples=25)
@given(question=questions(), baseline=st.sampled_from([None, 0, 5]))
def test_integrated_gradients_are_complete(question: Question, baseline: int | None) -> None:
    found = integrated_gradients(question, baseline=baseline)
    rise = float(found["answer"]) - float(found["baseline_answer"])
    assert found["attribution"].sum() - rise == pytest.approx(found.facts["error"], abs=1e-12)
    allowed = max(
        0.01 * abs(rise), 2e-5 * max(1.0, abs(float(found["answer"])), abs(float(found["baseline_answer"])))
    )
    assert abs(found["attribution"].sum() - rise) <= allowed
    assert float(found["baseline_answer"]) == pytest.approx(
        answer_at(question, found["baseline_vectors"]), rel=1e-9, abs=1e-9
    )
    assert float(found["answer"]) == pytest.approx(question.answer(), rel=1e-9, abs=1e-9)


@settings(max_examples=6)
@given(question=questions())
def test_integrated_gradients_are_the_mean_slope(question: Question) -> None:
    """A midpoint sum of many slopes, each by autograd's own way, from the text to the zero vectors."""
    found = integrated_gradients(question, baseline=3, tolerance=1e-4)
    start, end = (
        torch.from_numpy(found[name].copy()).double() for name in ("baseline_vectors", "token_vectors")
    )
    steps = 2000
    at = (torch.arange(steps).double() + 0.5) / steps
    _, gradients = attributions._slopes(question, start + at[:, None, None] * (end - start))
    expected = ((end - start) * gradients.mean(0)).sum(-1).numpy()
    scale = max(1.0, float(np.abs(expected).max()))
    assert np.abs(found["attribution"] - expected).max() < 0.02 * scale


@settings(max_examples=10)
@given(question=questions())
def test_stretches_cover_the_way_without_gap(question: Question) -> None:
    rows = integrated_gradients(question, tolerance=1e-3).table("stretches").rows
    assert (rows[0][0], rows[-1][1]) == (0.0, 1.0)
    assert all(left[1] == right[0] for left, right in pairwise(rows))


@pytest.mark.parametrize("nodes", [2, 3, 8])
def test_lobatto_integrates_its_degree_and_no_more(nodes: int) -> None:
    points, weights = lobatto(nodes)
    for degree in range(2 * nodes - 2):
        assert weights @ points**degree == pytest.approx(1 / (degree + 1), abs=1e-13)
    degree = 2 * nodes - 2
    assert weights @ points**degree != pytest.approx(1 / (degree + 1), abs=1e-13)


@settings(max_examples=5)
@given(question=questions())
def test_odd_settings_are_refused(question: Question) -> None:
    with pytest.raises(UsageError, match="tolerance is 0"):
        integrated_gradients(question, tolerance=0)
    with pytest.raises(UsageError, match="baseline 23 is outside"):
        integrated_gradients(question, baseline=23)
    with pytest.raises(UsageError, match="training mode"):
        replace(question, model=question.model.train())


@settings(max_examples=25)
@given(question=questions())
def test_rollout_rows_are_mixtures_and_the_product_is_the_papers(question: Question) -> None:
    trace = question.trace()
    rolled = rollout(trace)["rollout"]
    assert np.abs(rolled.sum(-1) - 1).max() < 1e-9
    assert rolled.min() >= 0
    tokens = trace["weights"].shape[-1]
    for query in range(tokens):
        row = np.eye(tokens)[query]
        for layer in trace["weights"][::-1]:
            row = np.array(
                [
                    sum(row[t] * (layer[:, t, s].mean() + (t == s)) / 2 for t in range(tokens))
                    for s in range(tokens)
                ]
            )
        assert np.abs(row - rolled[-1, query]).max() < 1e-9
