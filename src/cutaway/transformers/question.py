"""One number that a model gives for one text, asked in a way that it can be explained: the readout is known.

Legend: B copies, T tokens, N = B·T tokens of all copies, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from cutaway.core.errors import ShapeError, UsageError
from cutaway.core.trace import Trace
from cutaway.transformers.formulas import ACTIVATIONS
from cutaway.transformers.packing import IntArray, PackedBatch
from cutaway.transformers.trace_block import Norm, deviation, normalize

if TYPE_CHECKING:
    from cutaway.transformers.bert import Bert
    from cutaway.transformers.config import Activation
    from cutaway.transformers.gpt import Gpt

    Step = nn.Linear | Norm | Activation | Literal["tanh"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pull:
    """What a small change of the last vectors does to the number, every scale held where it is.

    Attributes:
        direction: for each token's vector, (T, D) float64: score = Σ direction · hidden + constant.
        constant: what biases and shifts behind the last vectors add.
    """

    direction: Tensor
    constant: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Readout:
    """How one number is read from the vectors of a text's tokens.

        u⁰ = Σₜ pₜ xₜ,   uⁱ = stepⁱ(uⁱ⁻¹),   score = w · uⁿ + b

    Attributes:
        name: of the number, such as "logit of positive".
        places: p, what share of each token is read, (T,) float.
        steps: linear layers, norms and activations of the head, in order; often none.
        weight: w, (D,) float.
        bias: b.
    """

    name: str
    places: Tensor
    steps: tuple[Step, ...] = ()
    weight: Tensor
    bias: float = 0.0

    def score(self, hidden: Tensor) -> Tensor:
        """Read the number.

        Args:
            hidden: the model's output, (B, T, D) float.

        Returns:
            (B,) float.
        """
        u = torch.einsum("t,btd->bd", self.places.to(hidden), hidden)  # (B, D)
        for step in self.steps:
            u = _apply(step, u)  # (B, D)
        return u @ self.weight.to(u) + self.bias

    def pull(self, hidden: Tensor) -> Pull:
        """Write the score as a sum over the last vectors, exact for these ones.

        A norm is taken with the deviation that it has here, an activation with the slope act(u) / u that
        it has here: both then are linear, and what they make of this text does not change.

        Args:
            hidden: (T, D) float.

        Returns:
            The direction and the constant.
        """
        places = self.places.double()  # (T)
        inputs = [(places @ hidden.double())]
        for step in self.steps:
            inputs.append(_apply(step, inputs[-1].to(hidden)).double())
        back, constant = self.weight.double(), self.bias
        for step, u in zip(reversed(self.steps), reversed(inputs[:-1]), strict=True):
            back, added = _pull_step(step, u, back)
            constant += added
        return Pull(direction=places[:, None] * back, constant=constant)


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """Why does this model give this number for this text?

    Attributes:
        model: what turns ids into vectors, in `eval` mode.
        ids: the text, (T,) int.
        readout: the number.
        tokens: a label for each token; none for their ids.
        types: (T,) int; 0 everywhere if not given.
    """

    model: Bert | Gpt
    ids: IntArray
    readout: Readout
    tokens: Sequence[str] = ()
    types: IntArray | None = None

    def __post_init__(self) -> None:
        if self.model.training:
            raise UsageError("the model is in training mode, where it answers at random: call eval() first")
        told = {"tokens": len(self.tokens) or self.ids.size, "places": len(self.readout.places)}
        for name, count in told.items():
            if count != self.ids.size:
                raise ShapeError(f"{count} {name} for {self.ids.size} ids: there must be one for each")

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each token."""
        return tuple(self.tokens) or tuple(str(number) for number in self.ids)

    @property
    def table(self) -> nn.Embedding:
        """The layer that turns ids into token vectors."""
        from cutaway.transformers.gpt import Gpt

        return self.model.token if isinstance(self.model, Gpt) else self.model.embeddings.token

    def hidden(self, copies: int = 1) -> Tensor:
        """Run the text through the fast path.

        Args:
            copies: B, how many times side by side.

        Returns:
            (B, T, D) float.
        """
        types = None if self.types is None else [self.types] * copies
        batch = PackedBatch.from_rows([self.ids] * copies, types=types).to(self.table.weight.device)
        out: Tensor = self.model(batch)  # (N, D)
        return out.view(copies, self.ids.size, -1)

    def scores(self, copies: int = 1) -> Tensor:
        """Return the number, once a copy.

        Args:
            copies: B.

        Returns:
            (B,) float.
        """
        return self.readout.score(self.hidden(copies))

    def answer(self) -> float:
        """Return the number."""
        with torch.inference_mode():
            return float(self.scores())

    def trace(self) -> Trace:
        """Run the text through the open path."""
        from cutaway.transformers.gpt import Gpt

        if isinstance(self.model, Gpt):
            return self.model.trace(self.ids, tokens=self.labels)
        return self.model.trace(self.ids, tokens=self.labels, types=self.types)

    def in_batches(self, copies: int, budget: int = 8192) -> Iterator[slice]:
        """Cut many copies into batches of at most so many tokens, or of one copy.

        Args:
            copies: B in all.
            budget: tokens in a batch.

        Yields:
            Which copies go together.
        """
        size = max(budget // self.ids.size, 1)
        for start in range(0, copies, size):
            yield slice(start, min(start + size, copies))


def one_place(place: int, tokens: int) -> Tensor:
    """Return places that read one token only.

    Args:
        place: of the token, from 0; from the end if negative.
        tokens: T.

    Returns:
        (T,) float32.

    Raises:
        ShapeError: there is no such token.

    Example:
        >>> one_place(-1, 3).tolist()
        [0.0, 0.0, 1.0]
    """
    if not -tokens <= place < tokens:
        raise ShapeError(f"there is no token {place}: the text has {tokens}, from 0 to {tokens - 1}")
    places = torch.zeros(tokens)  # (T)
    places[place] = 1
    return places


def difference(rows: Tensor, bias: Tensor | None, wanted: int, against: int | None) -> tuple[Tensor, float]:
    """Return the weight and bias of one row of an output layer, or of what it has over another.

    Args:
        rows: the layer's weight, one row a label or word, (V, D) float.
        bias: (V,) float.
        wanted: the row.
        against: a row to subtract.

    Returns:
        (D,) float, and a number.

    Raises:
        UsageError: there is no such row.
    """
    for row in (wanted, against):
        if row is not None and not 0 <= row < len(rows):
            raise UsageError(f"there is no answer {row}: there are {len(rows)}, from 0 to {len(rows) - 1}")
    weight = rows[wanted] if against is None else rows[wanted] - rows[against]
    shift = None if bias is None else bias.detach()
    if shift is None:
        return weight.detach(), 0.0
    return weight.detach(), float(shift[wanted]) - (0.0 if against is None else float(shift[against]))


def pull_norm(norm: Norm, divided_by: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Carry a direction from behind a norm to before it, the deviation held where it is.

        direction · norm(x) = back · x + direction · β,   back = C (γ ⊙ direction) / s

    C subtracts the mean of the units; RMSNorm has neither C nor β.

    Args:
        norm: γ and β.
        divided_by: s, (...,) float64.
        direction: (..., D) float64.

    Returns:
        back, (..., D) float64, and what β adds, (...,) float64.
    """
    back = norm.weight.double() * direction / divided_by[..., None]
    if isinstance(norm, nn.RMSNorm):
        return back, torch.zeros_like(divided_by)
    return back - back.mean(-1, keepdim=True), direction @ norm.bias.double()


def _apply(step: Step, u: Tensor) -> Tensor:
    if isinstance(step, nn.Linear):
        applied: Tensor = step(u)
        return applied
    if isinstance(step, nn.Module):
        return normalize(step, u)
    return torch.tanh(u) if step == "tanh" else ACTIVATIONS[step][1](u)


def _pull_step(step: Step, u: Tensor, back: Tensor) -> tuple[Tensor, float]:
    if isinstance(step, nn.Linear):
        return back @ step.weight.double(), float(back @ step.bias.double())
    if isinstance(step, nn.Module):
        pulled, added = pull_norm(step, deviation(step, u), back)
        return pulled, float(added)
    slope = torch.where(u == 0, torch.zeros_like(u), _apply(step, u) / torch.where(u == 0, 1, u))
    return back * slope, 0.0


def as_row(ids: Sequence[int] | IntArray) -> IntArray:
    """Return ids as an array, refusing what is no row of them.

    Args:
        ids: token ids.

    Returns:
        (T,) int64.

    Raises:
        ShapeError: there are none.
    """
    row = np.asarray(ids)
    if row.ndim != 1 or row.size == 0:
        raise ShapeError(f"ids have the shape {row.shape}: give one row of at least one")
    return row.astype(np.int64)
