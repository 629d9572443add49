"""What models learn from text without labels: what is hidden, what is asked, and what the answers cost."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cutaway.core.errors import DataError, ShapeError, UsageError
from cutaway.training.word_loss import word_loss
from cutaway.transformers.bert import Bert, DistilBert
from cutaway.transformers.config import BertConfig, BlockConfig, GptConfig
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.pretraining.causal import causal_loss, text_nats, window_starts
from cutaway.transformers.pretraining.distillation import DistillationSettings, distillation_loss, halve
from cutaway.transformers.pretraining.masked_words import masked_word_loss
from cutaway.transformers.pretraining.masking import MaskedBatch, MaskingSettings, MaskingVocabulary, hide
from cutaway.transformers.pretraining.next_sentence import draw_pairs, pack_sentence_pairs
from cutaway.transformers.tasks import MaskedWords

SIZE = 40
BLOCK = BlockConfig(width=8, heads=2, feed_forward=16)
SPECIAL = np.arange(SIZE) < 3  # 0 begins a row, 1 ends it, 2 is the mask
BEGINS = np.arange(SIZE) % 3 != 0
KNOWN = MaskingVocabulary(mask=2, special=SPECIAL, begins=BEGINS)
texts = st.lists(st.lists(st.integers(3, SIZE - 1), min_size=1, max_size=12), min_size=1, max_size=6)


def rows_of(drawn: list[list[int]]) -> list[np.ndarray]:
    return [np.array([0, *row, 1]) for row in drawn]


def encoder(layers: int = 2) -> MaskedWords:
    torch.manual_seed(layers)
    config = BertConfig(vocabulary=SIZE, positions=32, types=2, layers=layers, block=BLOCK)
    return MaskedWords(Bert(config)).eval()


def writer() -> Gpt:
    torch.manual_seed(0)
    return Gpt(GptConfig(vocabulary=SIZE, positions=16, layers=2, block=BLOCK)).eval()


@given(texts, st.integers(0, 999), st.sampled_from(["token", "word"]))
def test_what_is_special_stays_and_the_rest_is_told_truly(
    drawn: list[list[int]], seed: int, unit: str
) -> None:
    batch = PackedBatch.from_rows(rows_of(drawn))
    choice = MaskingSettings(share=0.5, unit=unit)  # type: ignore[arg-type]
    hidden = hide(batch, KNOWN, choice, np.random.default_rng(seed))
    places = hidden.places.numpy()
    assert len(places)
    assert (np.diff(places) > 0).all()
    assert not SPECIAL[batch.ids.numpy()[places]].any()
    assert torch.equal(hidden.words, batch.ids[hidden.places])
    others = np.setdiff1d(np.arange(len(batch.ids)), places)
    assert torch.equal(hidden.batch.ids[others], batch.ids[others])
    put = hidden.batch.ids.numpy()[places]
    assert ((put == 2) | ~SPECIAL[put]).all()


@given(texts, st.integers(0, 999))
def test_a_word_is_hidden_whole_or_not_at_all(drawn: list[list[int]], seed: int) -> None:
    batch = PackedBatch.from_rows(rows_of(drawn))
    every = MaskingSettings(share=0.3, masked=1.0, swapped=0.0, unit="word")
    shown = hide(batch, KNOWN, every, np.random.default_rng(seed)).batch.ids.numpy()
    ids = batch.ids.numpy()
    for at in range(1, len(ids)):
        continues = not BEGINS[ids[at]] and not SPECIAL[ids[at]] and not SPECIAL[ids[at - 1]]
        if continues:
            assert (shown[at] == 2) == (shown[at - 1] == 2)


def test_shares_are_80_10_10_of_15() -> None:
    batch = PackedBatch.from_rows([np.random.default_rng(1).integers(3, SIZE, size=200_000)])
    hidden = hide(batch, KNOWN, MaskingSettings(), np.random.default_rng(2))
    put, words = hidden.batch.ids[hidden.places], hidden.words
    assert len(words) / 200_000 == pytest.approx(0.15, abs=0.003)
    assert float((put == 2).float().mean()) == pytest.approx(0.8, abs=0.01)
    # A token drawn at random is the one that stood there once in 37 times.
    assert float((put == words).float().mean()) == pytest.approx(0.1 + 0.1 / 37, abs=0.01)


def test_an_epoch_hides_other_words_than_the_one_before() -> None:
    batch = PackedBatch.from_rows([np.arange(3, SIZE)])
    random = np.random.default_rng(0)
    first, second = (hide(batch, KNOWN, MaskingSettings(share=0.4), random).places for _ in range(2))
    assert first.tolist() != second.tolist()


@settings(max_examples=30)
@given(
    st.integers(1, 9),
    st.integers(2, 30),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.booleans(),
    st.integers(0, 99),
)
def test_the_loss_is_torchs_with_its_gradients(
    count: int, size: int, smoothing: float, with_bias: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    hidden, table = (torch.randn(n, 5, generator=generator, requires_grad=True) for n in (count, size))
    bias = torch.randn(size, generator=generator, requires_grad=True) if with_bias else None
    words = torch.randint(size, (count,), generator=generator)
    given_to = [tensor for tensor in (hidden, table, bias) if tensor is not None]
    ours = word_loss(hidden, table, bias, words, smoothing=smoothing)
    theirs = F.cross_entropy(F.linear(hidden, table, bias), words, label_smoothing=smoothing)
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(torch.autograd.grad(ours, given_to), torch.autograd.grad(theirs, given_to), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


def test_a_loss_in_pieces_is_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(3)
    hidden, table = torch.randn(20, 4, generator=generator), torch.randn(11, 4, generator=generator)
    words = torch.randint(11, (20,), generator=generator)
    whole = word_loss(hidden, table, None, words)
    monkeypatch.setattr("cutaway.training.word_loss._PIECE", 33)
    torch.testing.assert_close(word_loss(hidden, table, None, words), whole)


def test_the_causal_loss_is_cross_entropy_of_the_next_token() -> None:
    gpt, rows = writer(), [np.array([5, 7, 9, 4]), np.array([8, 8])]
    total = 0.0
    for row in rows:
        scores = gpt.logits(gpt(PackedBatch.from_rows([row[:-1]])))
        total += float(F.cross_entropy(scores, torch.from_numpy(row[1:]), reduction="sum").detach())
    assert float(causal_loss(gpt, rows).detach()) == pytest.approx(total / 4, abs=1e-6)


@pytest.mark.parametrize("stride", [1, 3, 8])
def test_a_texts_surprise_counts_each_token_once(stride: int) -> None:
    gpt, ids = writer(), np.random.default_rng(0).integers(3, SIZE, size=29)
    total = 0.0
    end = 8
    scored = 0
    while True:  # windows of 8, each token scored in the first window that holds it
        scores = gpt.logits(gpt(PackedBatch.from_rows([ids[end - 8 : end]])))
        fresh = end - scored
        total += float(
            F.cross_entropy(
                scores[-fresh:], torch.from_numpy(ids[scored + 1 : end + 1]), reduction="sum"
            ).detach()
        )
        scored = end
        if end == 28:
            break
        end = min(end + stride, 28)
    assert text_nats(gpt, ids, length=8, stride=stride) == pytest.approx(total, abs=1e-4)


def test_windows_lie_side_by_side_and_begin_elsewhere_each_time() -> None:
    starts = [np.sort(window_starts(1000, 16, seed=seed)) for seed in range(5)]
    assert all((np.diff(found) == 16).all() and found[-1] + 16 < 1000 for found in starts)
    assert len({int(found[0]) for found in starts}) > 1


def test_masked_words_cost_cross_entropy_at_their_places() -> None:
    model, batch = encoder(), PackedBatch.from_rows(rows_of([[4, 5, 6, 7], [8, 9]]))
    places = torch.tensor([1, 3, 7])
    masked = MaskedBatch(batch=batch, places=places, words=torch.tensor([30, 31, 32]))
    peer = F.cross_entropy(model(batch)[places], masked.words)
    torch.testing.assert_close(masked_word_loss(model, masked), peer)


def test_distillation_is_the_papers_three_parts() -> None:
    teacher, student = encoder(4), halve(encoder(4)).eval()
    batch = PackedBatch.from_rows(rows_of([[4, 5, 6, 7], [8, 9]]))
    places, words = torch.tensor([1, 3, 7]), torch.tensor([30, 31, 32])
    chosen = DistillationSettings(temperature=3.0, teacher=5.0, words=2.0, hidden=1.5)
    found = distillation_loss(student, teacher, MaskedBatch(batch=batch, places=places, words=words), chosen)

    def numpy(tensor: Tensor) -> np.ndarray:
        array: np.ndarray = tensor.detach().double().numpy()
        return array

    zt, zs = numpy(teacher(batch)[places]), numpy(student(batch)[places])

    def softmax(z: np.ndarray) -> np.ndarray:
        e: np.ndarray = np.exp(z - z.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    told = -(softmax(zt / 3) * np.log(softmax(zs / 3))).sum(-1).mean() * 9
    asked = -np.log(softmax(zs)[[0, 1, 2], words.numpy()]).mean()
    a, b = numpy(student.body(batch)), numpy(teacher.body(batch))
    angle = (1 - (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)).mean()
    for ours, formula in zip(found[1:], (told, asked, angle), strict=True):
        assert float(ours.detach()) == pytest.approx(formula, abs=1e-5)
    assert float(found.total.detach()) == pytest.approx(5 * told + 2 * asked + 1.5 * angle, abs=1e-4)


def test_a_student_has_every_second_block_of_its_teacher() -> None:
    teacher = encoder(4)
    student = halve(teacher)
    assert isinstance(student.body, DistilBert)
    assert len(student.body.blocks) == 2
    for at, block in enumerate(student.body.blocks):
        for name, weight in block.named_parameters():
            assert torch.equal(weight, teacher.body.blocks[2 * at].get_parameter(name))
    batch = PackedBatch.from_rows([np.array([0, 5, 6, 1])])
    ours, theirs = (model.body.embeddings(batch) for model in (student.eval(), teacher))
    torch.testing.assert_close(ours, theirs)


def test_pairs_follow_half_the_time_and_their_labels_are_true() -> None:
    documents = [[np.array([100 * d + at]) for at in range(40)] for d in range(30)]
    pairs = draw_pairs(documents, seed=4)
    assert len(pairs) == 30 * 39
    for pair in pairs:
        first, second = int(pair.first[0]), int(pair.second[0])
        assert (second == first + 1) if pair.follows == 0 else (second // 100 != first // 100)
    assert np.mean([pair.follows for pair in pairs]) == pytest.approx(0.5, abs=0.05)
    batch = pack_sentence_pairs(pairs[:2], begin=0, end=1)
    assert batch.types.tolist() == [0, 0, 0, 1, 1] * 2


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MaskingSettings(share=0.0), "share is 0.0"),
        (lambda: MaskingSettings(masked=0.9, swapped=0.2), "shares of one whole"),
        (lambda: MaskingSettings(unit="line"), "unit is 'line'"),  # type: ignore[arg-type]
        (lambda: DistillationSettings(temperature=0.0), "temperature is 0.0"),
        (lambda: DistillationSettings(teacher=0, words=0, hidden=0), "weights are"),
        (
            lambda: word_loss(torch.ones(1, 2), torch.ones(3, 2), None, torch.tensor([0]), smoothing=1.0),
            "1.0",
        ),
        (lambda: halve(encoder(1)), "cannot be halved"),
        (lambda: text_nats(writer(), np.arange(3, 9), length=4, stride=5), "stride is 5"),
    ],
)
def test_settings_that_cannot_be_are_named(make: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()  # type: ignore[operator]


def test_texts_that_are_too_short_are_named() -> None:
    only_special = PackedBatch.from_rows([np.array([0, 1])])
    with pytest.raises(DataError, match="all 2 tokens of a batch are special"):
        hide(only_special, KNOWN, MaskingSettings(), np.random.default_rng(0))
    with pytest.raises(DataError, match="a text of 4 tokens is too short"):
        window_starts(4, 4, seed=0)
    with pytest.raises(DataError, match="a text of 1 tokens"):
        text_nats(writer(), np.array([5]), length=4, stride=2)
    with pytest.raises(DataError, match="next sentences need two documents"):
        draw_pairs([[np.array([1]), np.array([2])]], seed=0)
    with pytest.raises(ShapeError, match="answers"):
        word_loss(torch.ones(2, 2), torch.ones(3, 2), None, torch.tensor([0]))


def test_a_loss_of_nothing_learned_is_the_logarithm_of_the_vocabulary() -> None:
    loss = word_loss(torch.zeros(3, 4), torch.ones(SIZE, 4), None, torch.tensor([1, 2, 3]))
    assert float(loss) == pytest.approx(math.log(SIZE), abs=1e-6)
