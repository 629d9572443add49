"""The ledger sums to the answer, for every family, norm and readout; each entry is its definition."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from tests.transformers.questions import questions

from cutaway.transformers.ledger import head_pairs, ledger
from cutaway.transformers.question import Question


def largest(entries: object) -> float:
    return max(1.0, *(abs(float(row[3])) for row in entries.table("parts").rows))  # type: ignore[attr-defined]


@settings(max_examples=80)
@given(question=questions())
def test_the_parts_sum_to_the_answer(question: Question) -> None:
    entries = ledger(question)
    scale = largest(entries)
    assert abs(entries.facts["error"]) < 1e-9 * scale
    assert abs(float(entries["answer"]) - question.answer()) < 1e-12 * scale


@settings(max_examples=30)
@given(question=questions())
def test_a_heads_part_is_the_same_by_token_by_key_and_by_pair(question: Question) -> None:
    trace = question.trace()
    entries = ledger(question, trace)
    scale = largest(entries)
    part = entries["head_part"]
    assert np.abs(entries["head_part_by_token"].sum(-1) - part).max() < 1e-9 * scale
    assert np.abs(entries["head_part_by_key"].sum(-1) - part).max() < 1e-9 * scale
    assert (
        np.abs(entries["feed_forward_part_by_token"].sum(-1) - entries["feed_forward_part"]).max()
        < 1e-9 * scale
    )
    for layer, head in np.ndindex(*part.shape):
        pairs = head_pairs(question, trace, entries, layer=layer, head=head)["pairs"]
        assert np.abs(pairs.sum(0) - entries["head_part_by_key"][layer, head]).max() < 1e-9 * scale
        assert np.abs(pairs.sum(1) - entries["head_part_by_token"][layer, head]).max() < 1e-9 * scale


@settings(max_examples=30)
@given(question=questions())
def test_without_the_last_feed_forward_a_pre_norm_answer_lacks_just_its_part(question: Question) -> None:
    """Where no norm follows, a part is what a linear readout loses without it."""
    if (
        question.model.config.block.order != "pre"
        or question.readout.steps
        or hasattr(question.model, "norm")
    ):
        return
    entries, before = ledger(question), question.answer()
    with torch.no_grad():
        last = question.model.blocks[-1].down
        last.weight.zero_()
    lost = before - question.answer()
    assert abs(lost - entries["feed_forward_part"][-1]) < 1e-9 * largest(entries)
