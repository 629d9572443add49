"""Ablation equals a model whose output weights are zero there; nothing taken out changes nothing."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transformers.questions import questions

from cutaway.core.errors import UsageError
from cutaway.transformers.ablation import Part, ablate, switchboard
from cutaway.transformers.question import Question


def silenced(question: Question, parts: list[Part]) -> Question:
    """The same question to a copy of the model with zeros in the output weights of the parts."""
    model = copy.deepcopy(question.model)
    with torch.no_grad():
        for part in parts:
            block = model.blocks[part.layer]
            own = block.config.width // block.config.heads
            if part.kind == "head":
                block.output.weight[:, part.head * own : (part.head + 1) * own] = 0
            if part.kind in ("attention", "layer"):
                block.output.weight.zero_()
            if part.kind in ("feed-forward", "layer"):
                block.down.weight.zero_()
    return replace(question, model=model)


def every_part(question: Question) -> list[Part]:
    config = question.model.config
    heads = [Part(kind="head", layer=at, head=h) for at, h in np.ndindex(config.layers, config.block.heads)]
    wide = [
        Part(kind=kind, layer=at)
        for kind in ("attention", "feed-forward", "layer")
        for at in range(config.layers)
    ]
    return heads + wide


@settings(max_examples=30)
@given(question=questions(), data=st.data())
def test_ablation_is_zeroed_output_weights(question: Question, data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.sampled_from(every_part(question)), max_size=4))
    expected = silenced(question, parts).answer()
    assert ablate(question, parts) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=20)
@given(question=questions(), replacement=st.sampled_from(["zero", "mean"]))
def test_nothing_taken_out_changes_nothing(question: Question, replacement: str) -> None:
    before = question.answer()
    assert ablate(question, [], replacement=replacement) == pytest.approx(before, abs=1e-12)
    switchboard(question, replacement=replacement)
    assert question.answer() == before, "the switches are off again"


@settings(max_examples=20)
@given(question=questions(), replacement=st.sampled_from(["zero", "mean"]))
def test_the_switchboard_is_every_ablation_one_by_one(question: Question, replacement: str) -> None:
    board, answer = switchboard(question, replacement=replacement), question.answer()
    names = {
        "head": "head_change",
        "attention": "attention_change",
        "feed-forward": "feed_forward_change",
        "layer": "layer_change",
    }
    for part in every_part(question):
        at = (part.layer,) if part.head is None else (part.layer, part.head)
        change = ablate(question, [part], replacement=replacement) - answer
        assert board[names[part.kind]][at] == pytest.approx(change, rel=1e-7, abs=1e-9)


@settings(max_examples=20)
@given(question=questions())
def test_a_text_of_one_token_is_its_own_mean(question: Question) -> None:
    one = replace(
        question, ids=question.ids[:1], readout=replace(question.readout, places=torch.ones(1).double())
    )
    for part in every_part(one):
        assert ablate(one, [part], replacement="mean") == pytest.approx(one.answer(), rel=1e-9, abs=1e-9)


@settings(max_examples=5)
@given(question=questions())
def test_parts_that_are_not_there_are_refused(question: Question) -> None:
    with pytest.raises(UsageError, match="there is no layer 9"):
        ablate(question, [Part(kind="layer", layer=9)])
    with pytest.raises(UsageError, match="there is no layer 0, head 7"):
        ablate(question, [Part(kind="head", layer=0, head=7)])
    with pytest.raises(UsageError, match="choose zero or mean"):
        ablate(question, [], replacement="noise")  # type: ignore[arg-type]


def test_a_head_has_a_number_and_nothing_else_has() -> None:
    with pytest.raises(UsageError, match="a head with head None"):
        Part(kind="head", layer=0)
    with pytest.raises(UsageError, match="a layer with head 2"):
        Part(kind="layer", layer=0, head=2)
    assert [Part(kind="head", layer=1, head=2).name, Part(kind="attention", layer=1).name] == [
        "layer 1, head 2",
        "layer 1, all heads",
    ]
