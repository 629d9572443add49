"""One training by several processes: each takes its share of a step's batches, their gradients are added.

`torchrun --nproc-per-node 2 -m cutaway finetune ...` starts the processes and tells each its number. All
hold the same weights and take the same steps; the first one alone validates, writes and speaks.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from cutaway.core.errors import ResourceError, UsageError
from cutaway.training.lazy_adamw import grad_values

# What torchrun tells each process.
NAMES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# The first process may validate for so long, while the others wait for its measures.
PATIENCE = datetime.timedelta(hours=6)


@dataclass(frozen=True, kw_only=True)
class Group:
    """The processes of one training; all must call the same methods in the same order.

    Attributes:
        rank: this one's number, from 0.
        size: how many there are; one alone talks to nobody.
    """

    rank: int = 0
    size: int = 1

    def same_weights(self, model: nn.Module) -> None:
        """Begin with the first process's weights and buffers.

        Args:
            model: of the same shape in all.
        """
        if self.size == 1:
            return
        with self._heard():
            for tensor in (*model.parameters(), *model.buffers()):
                dist.broadcast(tensor.data, 0)

    def add_gradients(self, parameters: Sequence[Tensor], told: Sequence[float]) -> list[float]:
        """Put the sum over all processes in the place of each gradient.

        A parameter has a gradient afterwards where it had one in any process: a process whose share is
        empty adds nothing.

        Args:
            parameters: those that learn, the same in all.
            told: numbers to be added up too.

        Returns:
            The sums of the numbers.
        """
        if self.size == 1:
            return list(told)
        sparse = [float(p.grad is not None and p.grad.is_sparse) for p in parameters]
        dense = [float(p.grad is not None and not p.grad.is_sparse) for p in parameters]
        sums = torch.tensor([*told, *sparse, *dense], dtype=torch.float64)
        with self._heard():
            dist.all_reduce(sums)
            count = len(parameters)
            numbers = sums.tolist()
            have = [numbers[len(told) + at : len(told) + at + count] for at in (0, count)]
            for parameter, found in zip(parameters, have[0], strict=True):
                if found:
                    self._add_rows(parameter)
            _add_flat([p for p, found in zip(parameters, have[1], strict=True) if found])
        return numbers[: len(told)]

    def most(self, numbers: Sequence[int]) -> list[int]:
        """Return the largest of each number over all processes.

        Args:
            numbers: as many in all.
        """
        if self.size == 1:
            return list(numbers)
        largest = torch.tensor(numbers, dtype=torch.int64)
        with self._heard():
            dist.all_reduce(largest, op=dist.ReduceOp.MAX)
        return largest.tolist()

    def tell(self, value: Any) -> Any:
        """Return the first process's value in all.

        Args:
            value: as JSON has it; of the others nothing is read.
        """
        return value if self.size == 1 else json.loads(self.send(json.dumps(value).encode()))

    def send(self, piece: bytes) -> bytes:
        """Return the first process's bytes in all.

        Args:
            piece: of the others nothing is read.
        """
        if self.size == 1:
            return piece
        (length,) = self.most([0 if self.rank else len(piece)])
        held = _bytes(b"" if self.rank else piece, length)
        with self._heard():
            dist.broadcast(held, 0)
        return held.numpy().tobytes()

    def collect(self, piece: bytes) -> list[bytes]:
        """Return the bytes of all processes, in the order of their numbers.

        Args:
            piece: this one's.
        """
        if self.size == 1:
            return [piece]
        with self._heard():
            lengths = _gathered(torch.tensor([len(piece)]), self.size)
            longest = max(int(length) for length in lengths)
            pieces = _gathered(_bytes(piece, longest), self.size)
        return [held[: int(length)].numpy().tobytes() for held, length in zip(pieces, lengths, strict=True)]

    def check_alike(self, recipe: object) -> None:
        """See before the first step that all processes are to do the same.

        Args:
            recipe: data, settings, number of steps, as JSON has it.

        Raises:
            UsageError: they are not.
        """
        plain = json.dumps(recipe, sort_keys=True, default=str)
        digests = self.collect(hashlib.sha256(plain.encode()).digest())
        other = [rank for rank, digest in enumerate(digests) if digest != digests[0]]
        if other:
            raise UsageError(
                f"process {other[0]} of {self.size} has other data or settings than process 0: give all of "
                "them the same files and the same command"
            )

    def _add_rows(self, table: Tensor) -> None:
        """Sum a table's gradient, of which each process has some rows."""
        if table.grad is None:
            rows, values = torch.zeros(0, dtype=torch.int64, device=table.device), table.data[:0]
        else:
            values = grad_values(table)
            rows = table.grad.indices()[0]
        lengths = _gathered(torch.tensor([len(rows)], device=table.device), self.size)
        longest = max(int(length) for length in lengths)
        held_rows = rows.new_zeros(longest)
        held_values = values.new_zeros(longest, *values.shape[1:])
        held_rows[: len(rows)], held_values[: len(rows)] = rows, values
        every = list(zip(lengths, _gathered(held_rows, self.size), strict=True))
        all_values = zip(lengths, _gathered(held_values, self.size), strict=True)
        table.grad = torch.sparse_coo_tensor(
            torch.cat([part[: int(length)] for length, part in every])[None],
            torch.cat([part[: int(length)] for length, part in all_values]),
            table.shape,
            check_invariants=False,
        ).coalesce()

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """Turn what a lost connection raises into words."""
        try:
            yield
        except RuntimeError as error:
            raise ResourceError(
                f"process {self.rank} of {self.size} no longer hears another one, which ended or cannot be "
                "reached: see what that one said; what was trained goes on from its newest checkpoint "
                "(--resume)"
            ) from error


ALONE = Group()


@contextmanager
def joined() -> Iterator[Group]:
    """Join the processes that torchrun started, for the time of the block.

    Yields the group that was joined around it, if there is one, and one of this process alone where
    torchrun started nothing. Gradients on a GPU are added by nccl, all else by gloo.

    Raises:
        ResourceError: the others cannot be reached.
    """
    if dist.is_available() and dist.is_initialized():
        yield Group(rank=dist.get_rank(), size=dist.get_world_size())
        return
    if any(name not in os.environ for name in NAMES) or os.environ["WORLD_SIZE"] == "1":
        yield ALONE
        return
    gpus = torch.cuda.is_available()
    if gpus:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise ResourceError(f"the processes of this training do not meet at {where}: {error}") from error
    try:
        yield Group(rank=dist.get_rank(), size=dist.get_world_size())
    finally:
        dist.destroy_process_group()


def first_to_tell() -> bool:
    """Tell whether no other process that torchrun started has asked this before.

    When something ends a training, this lets one of them speak: the one whose error was the first.
    """
    try:
        store, _, _ = next(rendezvous("env://", timeout=datetime.timedelta(seconds=10)))
        return bool(store.add("cutaway/told", 1) == 1)
    except (RuntimeError, ValueError):
        return True  # whoever keeps the count is gone


def _add_flat(parameters: Sequence[Tensor]) -> None:
    """Sum dense gradients in one piece; each then is a view of it."""
    if not parameters:
        return
    parts = [p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in parameters]
    flat = torch.cat(parts)
    dist.all_reduce(flat)
    start = 0
    for parameter in parameters:
        parameter.grad = flat[start : start + parameter.numel()].view_as(parameter)
        start += parameter.numel()


def _gathered(tensor: Tensor, size: int) -> list[Tensor]:
    found = [torch.empty_like(tensor) for _ in range(size)]
    dist.all_gather(found, tensor)
    return found


def _bytes(piece: bytes, length: int) -> Tensor:
    held = torch.zeros(length, dtype=torch.uint8)
    if piece:
        held[: len(piece)] = torch.frombuffer(bytearray(piece), dtype=torch.uint8)
    return held
