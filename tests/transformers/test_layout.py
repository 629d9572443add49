"""All rows at once, padded, as on a GPU: the same numbers and gradients as one group after another."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transformers.small_models import VOCABULARY, decoders, encoders, rows, translators
from torch import Tensor, nn

from cutaway.transformers.bert import Bert
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.seq2seq import Transformer

some_rows = st.lists(rows.map(np.array), min_size=1, max_size=6)


def gradients(model: nn.Module, output: Tensor) -> list[Tensor]:
    """Of a sum whose terms differ, with respect to every weight that the output depends on."""
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    found = torch.autograd.grad((output * weights).sum(), list(model.parameters()), allow_unused=True)
    return [gradient for gradient in found if gradient is not None]


def assert_same(model: nn.Module, output: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(output, wanted, rtol=0, atol=1e-9)
    pairs = zip(gradients(model, output), gradients(model, wanted), strict=True)
    for got, expected in pairs:
        torch.testing.assert_close(got, expected, rtol=1e-7, atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(model=encoders(), given_rows=some_rows)
def test_an_encoder_reads_the_same(model: Bert, given_rows: list[np.ndarray]) -> None:
    model, batch = model.double().eval(), PackedBatch.from_rows(given_rows)
    padded = batch.laid_out()
    assert_same(model, padded.mean(model(padded)), batch.mean(model(batch)))


@settings(max_examples=40, deadline=None)
@given(model=decoders(), given_rows=some_rows)
def test_a_decoder_reads_the_same(model: Gpt, given_rows: list[np.ndarray]) -> None:
    model, batch = model.double().eval(), PackedBatch.from_rows(given_rows)
    assert_same(model, model(batch.laid_out()), model(batch))


@settings(max_examples=40, deadline=None)
@given(model=translators(), pairs=st.lists(st.tuples(rows, rows), min_size=1, max_size=5))
def test_a_translator_reads_the_same(model: Transformer, pairs: list[tuple[list[int], list[int]]]) -> None:
    sources, targets = (PackedBatch.from_rows([np.array(pair[side]) for pair in pairs]) for side in (0, 1))
    model = model.double().eval()
    assert_same(model, model(sources.laid_out(), targets.laid_out()), model(sources, targets))


@settings(max_examples=60, deadline=None)
@given(given_rows=some_rows)
def test_padding_and_back(given_rows: list[np.ndarray]) -> None:
    batch = PackedBatch.from_rows(given_rows).laid_out()
    layout, values = batch.layout, batch.ids.double()[:, None] + 1
    assert layout is not None
    padded = layout.padded(values)
    longest = max(map(len, given_rows))
    wanted = [[*(row + 1).tolist(), *[0] * (longest - len(row))] for row in given_rows]
    assert padded[..., 0].tolist() == wanted
    assert torch.equal(layout.packed(padded), values)
    assert layout.real.sum(1).tolist() == [len(row) for row in given_rows]
    assert layout.mean(values)[:, 0].tolist() == pytest.approx(
        [float(np.mean(row + 1)) for row in given_rows]
    )


def test_a_batch_that_stays_is_the_same_batch() -> None:
    batch = PackedBatch.from_rows([np.arange(VOCABULARY)])
    assert batch.to("cpu") is batch
    assert batch.layout is None
