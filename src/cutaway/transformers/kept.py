"""What generation keeps between steps: a layer's keys and values, so that each is computed once.

Legend: B rows, T new tokens a row, N tokens of all rows, S tokens kept so far with the new ones, D width,
H heads, d = D / H numbers per head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cutaway.core.errors import ShapeError
from cutaway.transformers.attention import attend_fast
from cutaway.transformers.sight import Projects, join_heads, split_heads

if TYPE_CHECKING:
    from cutaway.transformers.block import Attention


class Kept:
    """One layer's sight: every new token sees all that came before it, and itself.

        K ← [K; x W_Kᵀ],   V ← [V; x W_Vᵀ],   look = attend(x W_Qᵀ, K, V)

    Attributes:
        rows: B, of equal length.
        room: the most tokens a row can have.
        length: S, tokens kept so far.

    Source:
        Shazeer 2019, arXiv:1911.02150, section 2.4 (incremental attention).
    """

    def __init__(self, *, rows: int, room: int) -> None:
        self.rows, self.room, self.length = rows, room, 0
        self._keys: Tensor | None = None
        self._values: Tensor | None = None
        self._places: Tensor | None = None

    def look(self, x: Tensor, attention: Projects) -> Tensor:
        """Keep the new tokens' keys and values, and attend to all that are kept.

        Args:
            x: B rows of T new tokens, (B·T, D) float.
            attention: the weights.

        Returns:
            (B·T, D) float.

        Raises:
            ShapeError: there is no room for the new tokens.
        """
        new = len(x) // self.rows
        if self.length + new > self.room:
            raise ShapeError(f"{self.length} tokens are kept and {new} come: there is room for {self.room}")
        if self._places is None:
            self._places = torch.arange(self.room, device=x.device)
        places = self._places[self.length : self.length + new]  # (T)
        if self.rows > 1:
            places = places.repeat(self.rows)  # (B·T)
        q, k, v = (
            split_heads(part.view(self.rows, new, -1), attention) for part in attention.project(x, places)
        )
        keys, values = self._keep(k, v)
        mixed = attend_fast(q, keys, values, causal=new > 1)  # (B, H, T, d)
        return join_heads(mixed).flatten(0, 1)

    @property
    def takes_one(self) -> bool:
        """Whether `look_at_one` can be asked: one row, of which something is kept."""
        return self.rows == 1 and self._keys is not None

    def look_at_one(self, together: Tensor) -> Tensor:
        """Keep one new token of one row, and attend to all that are kept: as `look`, in fewer operators.

        Args:
            together: its query, key and value, (3, H, d) float.

        Returns:
            (D,) float.

        Raises:
            ShapeError: there is no room for the new token.
        """
        if self.length == self.room:
            raise ShapeError(f"{self.length} tokens are kept and 1 comes: there is room for {self.room}")
        assert self._keys is not None
        assert self._values is not None
        q, k, v = together
        self._keys[0, :, self.length] = k
        self._values[0, :, self.length] = v
        self.length += 1
        kept = slice(self.length)
        mixed = attend_fast(
            q[None, :, None], self._keys[:, :, kept], self._values[:, :, kept]
        )  # (1, H, 1, d)
        return mixed.flatten()

    def follow(self, parents: Tensor) -> None:
        """Let each row go on from another one's past, as beams do.

        Args:
            parents: the row that each new row continues, (B,) int64.
        """
        self.rows = len(parents)
        if self._keys is not None and self._values is not None:
            self._keys, self._values = self._keys[parents], self._values[parents]

    def _keep(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Write the new keys and values behind the kept ones; return all, (B, H, S, d) each."""
        if self._keys is None or self._values is None:
            shape = (*k.shape[:2], self.room, k.shape[3])
            self._keys, self._values = k.new_zeros(shape), v.new_zeros(shape)
        end = self.length + k.shape[2]
        self._keys[:, :, self.length : end] = k
        self._values[:, :, self.length : end] = v
        self.length = end
        return self._keys[:, :, :end], self._values[:, :, :end]


class KeptSource:
    """A decoder layer's sight of one source: its keys and values are computed once, for all beams.

    Args:
        encoded: the encoder's output of one row, (S, D) float.
    """

    def __init__(self, encoded: Tensor) -> None:
        self._encoded = encoded
        self._pair: tuple[Tensor, Tensor] | None = None

    def look(self, x: Tensor, attention: Attention) -> Tensor:
        """Let every token of every beam see the whole source.

        Args:
            x: (N, D) float.
            attention: the weights.

        Returns:
            (N, D) float.
        """
        if self._pair is None:
            k = split_heads(attention.key(self._encoded)[None], attention)  # (1, H, S, d)
            v = split_heads(attention.value(self._encoded)[None], attention)  # (1, H, S, d)
            self._pair = (k, v)
        # Beams are queries of one row here: they share its keys and do not see each other.
        q = split_heads(attention.query(x)[None], attention)  # (1, H, N, d)
        return join_heads(attend_fast(q, *self._pair))[0]
