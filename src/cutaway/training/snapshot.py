"""All that a training is, as tensors by name: weights, the optimizer's memory, every random state."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from cutaway.core.errors import FormatError

Tensors = dict[str, Tensor]


@runtime_checkable
class Resumable(Protocol):
    """A task with a state of its own beside weights and optimizer, such as where a text is being read."""

    def state(self) -> Mapping[str, Tensor]:
        """Return what the next step needs."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave."""


def weights_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> Tensors:
    """Return what training changes of a model: the optimizer's parameters, and every stored buffer.

    Args:
        model: what is trained.
        optimizer: over its trainable parameters.

    Returns:
        The tensors themselves, by their names in the model.
    """
    moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
    held = {name: p for name, p in model.named_parameters() if id(p) in moved}
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    buffers = {name: value for name, value in model.state_dict().items() if name not in parameters}
    return {**held, **buffers}


def fill_weights(model: nn.Module, optimizer: torch.optim.Optimizer, stored: Mapping[str, Tensor]) -> None:
    """Copy stored weights into a model.

    Args:
        model: what is trained.
        optimizer: over its trainable parameters.
        stored: from `weights_of`.

    Raises:
        FormatError: a tensor is missing, unknown or of another shape.
    """
    wanted = weights_of(model, optimizer)
    odd = sorted(wanted.keys() ^ stored.keys())
    odd += [name for name in wanted.keys() & stored.keys() if wanted[name].shape != stored[name].shape]
    if odd:
        raise FormatError(f"{len(odd)} tensors of the checkpoint do not fit the model, the first is {odd[0]}")
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(stored[name])


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """Return the optimizer's memory: for each parameter, by its number, its moments and steps.

    Args:
        optimizer: any whose memory is tensors, as AdamW's.
    """
    memory: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {f"{number}/{part}": value for number, parts in memory.items() for part, value in parts.items()}


def fill_optimizer(optimizer: torch.optim.Optimizer, stored: Mapping[str, Tensor]) -> None:
    """Give an optimizer its memory back.

    Args:
        optimizer: as it was made.
        stored: from `optimizer_tensors`.
    """
    state: dict[str, Any] = optimizer.state_dict()
    memory: dict[int, dict[str, Tensor]] = {}
    for name, value in stored.items():
        number, part = name.split("/")
        memory.setdefault(int(number), {})[part] = value
    optimizer.load_state_dict({**state, "state": memory})


def random_states() -> Tensors:
    """Return the states of the global generators of torch, NumPy and Python."""
    kept = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        kept.update({f"cuda/{at}": state for at, state in enumerate(torch.cuda.get_rng_state_all())})
    _, keys, place, has_gauss, gauss = np.random.get_state()
    kept["numpy/keys"] = torch.from_numpy(np.asarray(keys).astype(np.int64))
    kept["numpy/rest"] = torch.tensor([place, has_gauss, gauss], dtype=torch.float64)
    _, words, gauss_next = random.getstate()
    kept["python/words"] = torch.tensor(words, dtype=torch.int64)
    kept["python/gauss"] = torch.tensor([math.nan if gauss_next is None else gauss_next], dtype=torch.float64)
    return kept


def set_random_states(stored: Mapping[str, Tensor]) -> None:
    """Set the global generators of torch, NumPy and Python.

    Args:
        stored: from `random_states`.
    """
    torch.set_rng_state(stored["torch"])
    for name, state in stored.items():
        kind, _, number = name.partition("/")
        if kind == "cuda":
            torch.cuda.set_rng_state(state, int(number))
    place, has_gauss, gauss = stored["numpy/rest"].tolist()
    keys = stored["numpy/keys"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, int(place), int(has_gauss), gauss))
    gauss_next = stored["python/gauss"].item()
    words = tuple(stored["python/words"].tolist())
    random.setstate((3, words, None if math.isnan(gauss_next) else gauss_next))
