"""Ready-made questions: the readout gives the number that the task itself gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.transformers.small_models import VOCABULARY, stirred
from torch import nn

from cutaway.core.errors import ShapeError, UsageError
from cutaway.transformers.bert import Bert, DistilBert, Roberta
from cutaway.transformers.config import BertConfig, BlockConfig, GptConfig
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.ledger import ledger
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.questions import why_label, why_mean, why_next, why_token_label, why_word
from cutaway.transformers.tasks import MaskedWords, NextSentence, SequenceLabels, TokenLabels

IDS = np.array([3, 7, 1, 12, 5])
LABELS = ("bad", "good", "plain")


def body(kind: type[Bert]) -> Bert:
    config = BertConfig(
        vocabulary=VOCABULARY,
        positions=16,
        types=0 if kind is DistilBert else 2,
        layers=2,
        block=BlockConfig(width=8, heads=2, feed_forward=12),
        first_position=2 if kind is Roberta else 0,
        pooler="tanh" if kind is Bert else "none",
    )
    return kind(config)


def batch() -> PackedBatch:
    return PackedBatch.from_rows([IDS])


@pytest.mark.parametrize("kind", [Bert, Roberta, DistilBert])
def test_why_a_label_reads_the_tasks_own_logit(kind: type[Bert]) -> None:
    task = stirred(SequenceLabels(body(kind), LABELS), 1)
    logits = task(batch())[0]
    asked = why_label(task, IDS, "good")
    assert asked.answer() == pytest.approx(float(logits[1].detach()), abs=1e-5)
    between = why_label(task, IDS, "good", against="bad")
    assert between.answer() == pytest.approx(float((logits[1] - logits[0]).detach()), abs=1e-5)
    assert float(ledger(between)["total"]) == pytest.approx(between.answer(), abs=1e-4)


def test_why_the_second_text_follows() -> None:
    task = stirred(NextSentence(body(Bert)), 2)
    types = np.array([0, 0, 0, 1, 1])
    scores = task(PackedBatch.from_rows([IDS], types=[types]))[0]
    asked = why_label(task, IDS, "follows", types=types)
    assert asked.answer() == pytest.approx(float(scores[0].detach()), abs=1e-5)


@pytest.mark.parametrize("kind", [Bert, Roberta, DistilBert])
def test_why_a_word_and_a_tokens_label(kind: type[Bert]) -> None:
    words = stirred(MaskedWords(body(kind)), 3)
    scores = words(batch())
    assert why_word(words, IDS, 9, place=2).answer() == pytest.approx(float(scores[2, 9].detach()), abs=1e-5)
    named = stirred(TokenLabels(body(kind), LABELS), 4)
    found = why_token_label(named, IDS, "plain", place=3).answer()
    assert found == pytest.approx(float(named(batch())[3, 2].detach()), abs=1e-5)


def test_why_the_next_word() -> None:
    block = BlockConfig(width=8, heads=2, feed_forward=12, order="pre")
    gpt = stirred(Gpt(GptConfig(vocabulary=VOCABULARY, positions=16, layers=2, block=block)), 5)
    scores = gpt.logits(gpt(batch()))[-1]
    asked = why_next(gpt, IDS, 4, against=6)
    assert asked.answer() == pytest.approx(float((scores[4] - scores[6]).detach()), abs=1e-5)
    assert float(ledger(asked)["total"]) == pytest.approx(asked.answer(), abs=1e-4)


def test_why_the_mean_of_all_tokens() -> None:
    encoder, output = stirred(body(Bert), 6), nn.Linear(8, 3)
    with torch.no_grad():
        expected = output(encoder(batch()).mean(0))
    asked = why_mean(encoder, IDS, output, 2, against=0)
    assert asked.answer() == pytest.approx(float(expected[2] - expected[0]), abs=1e-5)


def test_questions_that_cannot_be_are_named() -> None:
    task = stirred(SequenceLabels(body(Bert), LABELS), 1)
    with pytest.raises(UsageError, match="there is no label 'fine'"):
        why_label(task, IDS, "fine")
    with pytest.raises(UsageError, match="there is no answer 9"):
        why_mean(task.body, IDS, nn.Linear(8, 3), 9)
    with pytest.raises(ShapeError, match="there is no token 5"):
        why_word(stirred(MaskedWords(body(Bert)), 3), IDS, 1, place=5)
    with pytest.raises(ShapeError, match="give one row"):
        why_label(task, [], "good")
    with pytest.raises(UsageError, match="training mode"):
        why_label(task.train(), IDS, "good")
