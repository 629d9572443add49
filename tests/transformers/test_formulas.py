"""The open path's small equations, against oracles and against torch; and dropout's statistics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.oracles import encoder

from cutaway.training.dropout import drop
from cutaway.transformers.formulas import gelu, gelu_tanh, layer_norm, relu, softmax

X = torch.linspace(-9, 9, 181)


def test_softmax_equals_torch_and_does_not_overflow() -> None:
    scores = torch.randn(4, 7, generator=torch.Generator().manual_seed(0)) * 300
    assert torch.allclose(softmax(scores), F.softmax(scores, -1), atol=1e-7)


def test_layer_norm_is_the_equation() -> None:
    random = np.random.default_rng(0)
    x, scale, shift = random.normal(size=(5, 8)), random.normal(size=8), random.normal(size=8)
    ours = layer_norm(*(torch.from_numpy(part) for part in (x, scale, shift)), epsilon=1e-3)
    assert np.abs(ours.numpy() - encoder.normalize(x, scale, shift, 1e-3)).max() < 1e-12


def test_gelu_is_the_equation() -> None:
    assert np.abs(gelu(X).numpy() - [encoder.gelu(float(x)) for x in X]).max() < 1e-6


def test_activations_equal_torch() -> None:
    assert torch.allclose(gelu_tanh(X), F.gelu(X, approximate="tanh"), atol=1e-6)
    assert torch.equal(relu(X), F.relu(X))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(share: float) -> None:
    torch.manual_seed(0)
    dropped = drop(torch.ones(501, 1001), share, training=True)
    kept = 1 - round(share * 256) / 256
    assert float((dropped == 0).float().mean()) == pytest.approx(1 - kept, abs=0.005)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)
    assert float(dropped.max()) == pytest.approx(1 / kept)


def test_dropout_differs_from_draw_to_draw_and_repeats_with_the_seed() -> None:
    x = torch.ones(33)
    torch.manual_seed(3)
    first, second = drop(x, 0.5, training=True), drop(x, 0.5, training=True)
    torch.manual_seed(3)
    assert torch.equal(first, drop(x, 0.5, training=True))
    assert not torch.equal(first, second)


def test_dropout_sends_no_gradient_through_what_it_dropped() -> None:
    torch.manual_seed(0)
    x = torch.ones(64, requires_grad=True)
    out = drop(x, 0.5, training=True)
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, out.detach())


def test_dropout_is_nothing_outside_training() -> None:
    assert drop(X, 0.5, training=False) is X
    assert drop(X, 0.0, training=True) is X
