"""A post-norm encoder block in training: the same numbers as its layers one by one, in fewer passes.

    y = norm(x + drop(attend(x))),   z = norm(y + drop(down(gelu(up(y)))))

Forward beside backward, by hand. Between two products one kernel reads and writes each number once; what
is as wide as the feed-forward layer passes through in pieces that stay in a cache; the gradient of a
residual sum is where the products that come after add theirs. What chance drops is drawn as `drop` draws it.

Legend: N tokens of all rows, D width, F feed-forward width, H heads, d = D / H numbers per head,
R rows of one length L.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from cutaway.training import block_kernels as kernels
from cutaway.training.dropout import draws_for, threshold_of
from cutaway.training.linear_products import Float32Products, Int16Products, LinearProducts
from cutaway.training.precision import products_now
from cutaway.training.row_parts import in_parts, summed_in_parts
from cutaway.transformers.attention import attend_fast
from cutaway.transformers.block import Block
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.sight import join_heads

# In the order in which parameters are handed over: a weight and a bias each.
_LAYERS = ("query", "key", "value", "output", "attention_norm", "up", "down", "feed_forward_norm")
# Tokens of a piece of the feed-forward layer: 6 MB of hidden numbers in MiniLM. Half as many: 1 % slower.
_PIECE = 1024


_PRODUCTS: dict[str, type[LinearProducts]] = {"float32": Float32Products, "int16": Int16Products}


# Reads the first and writes the second.
Product = Callable[[Tensor, Tensor], None]


class Layer(NamedTuple):
    """A linear layer's or a norm's weights, or the gradients of them."""

    weight: Tensor
    bias: Tensor


def train_block(block: Block, x: Tensor, batch: PackedBatch) -> Tensor:
    """Transform every token once, and know the way back.

    Args:
        block: one that `can_train` says yes to.
        x: (N, D) float32.
        batch: whose rows each token sees.

    Returns:
        (N, D) float32.
    """
    layers = [getattr(block, name) for name in _LAYERS]
    weights = [weight for layer in layers for weight in (layer.weight, layer.bias)]
    out: Tensor = _TrainedBlock.apply(x, block, batch, *weights)  # type: ignore[no-untyped-call]
    return out


class _TrainedBlock(torch.autograd.Function):
    """Torch's view of it: x and sixteen parameters in, z out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, block: Block, batch: PackedBatch, *weights: Tensor) -> Tensor:
        ctx.save_for_backward(x, *weights)
        ctx.products = _PRODUCTS[products_now()]
        layers = _by_layer(weights)
        ctx.attention = _Attention(block, batch, ctx.products)
        ctx.feeding = _FeedForward(block, ctx.products)
        y = ctx.attention.forward(x.detach(), layers)
        z: Tensor = ctx.feeding.forward(y, layers)
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, *weights = ctx.saved_tensors
        layers = _by_layer(weights)
        to_weights: dict[str, Layer] = {}
        gradient = ctx.feeding.backward(gradient.contiguous(), layers, to_weights)
        # What was kept is let go of here, not with the graph, which lives as long as the loss.
        del ctx.feeding
        gradient = ctx.attention.backward(x.detach(), gradient, layers, to_weights)
        del ctx.attention
        return (gradient, None, None, *(part for name in _LAYERS for part in to_weights[name]))


class _Attention:
    """y = norm(x + drop(output(attend(query(x), key(x), value(x)))))"""

    def __init__(self, block: Block, batch: PackedBatch, products: type[LinearProducts]) -> None:
        self._heads, self._batch, self._products = block.config.heads, batch, products
        self._tail = _AddNorm(block)

    def forward(self, x: Tensor, layers: dict[str, Layer]) -> Tensor:
        together = self._products(*_joined_layers(layers))
        looked = x.new_empty((len(x), 3 * x.shape[1]))
        self._spread(together.forward, x, looked)
        self._graphs = []
        for first, last, shape in self._groups():
            split = looked[first:last].view(shape).permute(2, 0, 3, 1, 4)  # (3, R, H, L, d)
            with torch.enable_grad():
                heads = [part.requires_grad_() for part in split]
                mixed = attend_fast(*heads)
            self._graphs.append((mixed, heads))
        written = torch.empty_like(x)  # (N, D)
        y, rows = self._tail.forward(written, x, layers["output"].bias, layers["attention_norm"])
        self._spread(self._products(layers["output"].weight).forward, self._seen(), written, rows)
        return y

    def backward(
        self, x: Tensor, gradient: Tensor, layers: dict[str, Layer], to_weights: dict[str, Layer]
    ) -> Tensor:
        to_x, to_written, rows = self._tail.backward(gradient, layers["attention_norm"])
        output, together = self._products(layers["output"].weight), self._products(*_joined_layers(layers))
        seen, to_seen = self._seen(), torch.empty_like(x)

        def learn_output(first: int, last: int) -> list[Tensor]:
            sums, to_weight = rows(first, last), torch.zeros_like(layers["output"].weight)
            for back, read, there in _pieces(first, last, to_written, seen, to_seen):
                self._products.learn(back, read, to_weight)
                output.backward(back, there)
            return [sums, to_weight]

        (scale, shift, to_bias), to_output = self._products.by_threads(len(x), learn_output)
        to_weights.update({"output": Layer(to_output, to_bias), "attention_norm": Layer(scale, shift)})
        to_looked = x.new_empty((len(x), 3 * x.shape[1]))
        for (first, last, shape), (mixed, heads) in zip(self._groups(), self._graphs, strict=True):
            turned = to_seen[first:last].view(*shape[:2], *shape[3:]).transpose(1, 2)  # (R, H, L, d)
            into = to_looked[first:last].view(shape).permute(2, 0, 3, 1, 4)  # (3, R, H, L, d)
            for part, there in zip(torch.autograd.grad(mixed, heads, turned), into, strict=True):
                there.copy_(part)

        def learn_together(first: int, last: int) -> list[Tensor]:
            to_weight = x.new_zeros((3 * x.shape[1], x.shape[1]))
            for read, back, there in _pieces(first, last, x, to_looked, to_x):
                self._products.learn(back, read, to_weight)
                together.add_backward(back, there)
            return [to_weight]

        (to_weight,) = self._products.by_threads(len(x), learn_together)
        parts = zip(_LAYERS[:3], to_weight.chunk(3), to_looked.sum(0).chunk(3), strict=True)
        to_weights.update({name: Layer(weight, bias) for name, weight, bias in parts})
        return to_x

    def _spread(
        self, product: Product, x: Tensor, y: Tensor, then: Callable[[int, int], None] | None = None
    ) -> None:
        def work(first: int, last: int) -> list[Tensor]:
            for here, there in _pieces(first, last, x, y):
                product(here, there)
            if then:
                then(first, last)
            return []

        self._products.by_threads(len(x), work)

    def _seen(self) -> Tensor:
        """What attention mixed, of all groups."""
        parts = [_joined(mixed) for mixed, _ in self._graphs]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _groups(self) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """First and last token of each group, and the shape (R, L, 3, H, d) of what its tokens look with."""
        first = 0
        for group in self._batch.groups:
            last = first + group.rows * group.length
            yield first, last, (group.rows, group.length, 3, self._heads, -1)
            first = last


class _FeedForward:
    """z = norm(y + drop(down(gelu(up(y)))))"""

    def __init__(self, block: Block, products: type[LinearProducts]) -> None:
        self._products, self._tail = products, _AddNorm(block)

    def forward(self, y: Tensor, layers: dict[str, Layer]) -> Tensor:
        up, down = (self._products(layers[name].weight) for name in ("up", "down"))
        bias = layers["up"].bias
        self._y, self._up = y, y.new_empty((len(y), len(bias)))
        raised = self._up
        written = torch.empty_like(y)  # (N, D)
        z, rows = self._tail.forward(written, y, layers["down"].bias, layers["feed_forward_norm"])

        def feed(first: int, last: int) -> list[Tensor]:
            hidden = self._piece()
            for read, risen, there in _pieces(first, last, y, raised, written):
                active = hidden[: len(read)]
                up.forward(read, risen)
                in_parts(len(read), kernels.gelu_forward, risen, bias, active)
                down.forward(active, there)
            rows(first, last)
            return []

        self._products.by_threads(len(y), feed)
        return z

    def backward(self, gradient: Tensor, layers: dict[str, Layer], to_weights: dict[str, Layer]) -> Tensor:
        to_y, to_written, rows = self._tail.backward(gradient, layers["feed_forward_norm"])
        up, down = (self._products(layers[name].weight) for name in ("up", "down"))

        def learn(first: int, last: int) -> list[Tensor]:
            made = [torch.zeros_like(part) for part in (*layers["up"], layers["down"].weight)]
            made.append(rows(first, last))
            hidden, to_hidden = self._piece(), self._piece()
            for read, risen, back, there in _pieces(first, last, self._y, self._up, to_written, to_y):
                active, to_up = hidden[: len(read)], to_hidden[: len(read)]
                down.backward(back, to_up)
                given = (kernels.gelu_backward, risen, to_up, active)
                made[1] += summed_in_parts(made[1].shape, len(read), *given)
                self._products.learn(back, active, made[2])
                self._products.learn(to_up, read, made[0])
                up.add_backward(to_up, there)
            return made

        weight, bias, to_weight, (scale, shift, to_down) = self._products.by_threads(len(gradient), learn)
        to_weights["up"], to_weights["down"] = Layer(weight, bias), Layer(to_weight, to_down)
        to_weights["feed_forward_norm"] = Layer(scale, shift)
        return to_y

    def _piece(self) -> Tensor:
        return self._up.new_empty((min(_PIECE, len(self._up)), self._up.shape[1]))


class _AddNorm:
    """y = norm(x + drop(written + b)), in place of what was written."""

    def __init__(self, block: Block) -> None:
        self._threshold = threshold_of(block.config.dropout)
        self._epsilon = block.config.norm_epsilon

    def forward(
        self, written: Tensor, x: Tensor, bias: Tensor, norm: Layer
    ) -> tuple[Tensor, Callable[[int, int], None]]:
        """Return y, to be filled in by the function beside it: the rows from first up to last.

        What is dropped is drawn here, for all rows together.
        """
        # A threshold of 0 keeps all, whatever was drawn.
        draws = draws_for(x) if self._threshold else torch.empty_like(x, dtype=torch.uint8)
        y, moments = torch.empty_like(x), x.new_empty((len(x), 2))
        self._kept = (written, moments, draws)
        both = torch.stack(norm)

        def rows(first: int, last: int) -> None:
            here, read, drawn, made, found = (part[first:last] for part in (written, x, draws, y, moments))
            given = (here, read, bias, drawn, self._threshold, both, self._epsilon, made, found)
            in_parts(last - first, kernels.add_norm_forward, *given)

        return y, rows

    def backward(self, gradient: Tensor, norm: Layer) -> tuple[Tensor, Tensor, Callable[[int, int], Tensor]]:
        """Return the gradients of x and of what was written, to be filled in by the function beside them.

        It returns what its rows add to the gradients of scale, shift and bias, (3, D).
        """
        to_x, to_written = torch.empty_like(gradient), torch.empty_like(gradient)
        parts = (gradient, *self._kept, to_x, to_written)

        def rows(first: int, last: int) -> Tensor:
            here, s, found, drawn, *made = (part[first:last] for part in parts)
            given = (here, s, found, norm.weight, drawn, self._threshold, *made)
            shape = (3, len(norm.weight))
            return summed_in_parts(shape, last - first, kernels.add_norm_backward, *given)

        return to_x, to_written, rows


def _by_layer(weights: tuple[Tensor, ...] | list[Tensor]) -> dict[str, Layer]:
    parts = [weight.detach() for weight in weights]
    return {name: Layer(*parts[2 * at : 2 * at + 2]) for at, name in enumerate(_LAYERS)}


def _joined_layers(layers: dict[str, Layer]) -> tuple[Tensor, Tensor]:
    """Weights and biases of query, key and value, below one another."""
    three = [layers[name] for name in _LAYERS[:3]]
    return torch.cat([layer.weight for layer in three]), torch.cat([layer.bias for layer in three])


def _joined(heads: Tensor) -> Tensor:
    """(R, H, L, d) to (R · L, D): a view of what attention's operator writes."""
    return join_heads(heads.detach()).flatten(0, 1)


def _pieces(first: int, last: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Rows of each tensor from first up to last, piece by piece."""
    for at in range(first, last, _PIECE):
        yield tuple(tensor[at : min(last, at + _PIECE)] for tensor in tensors)
