"""The way in: what each token is, where it stands, which text it belongs to.

Legend: N tokens of all rows, D width.
"""

from __future__ import annotations

from torch import Tensor, nn

from cutaway.core.errors import ShapeError
from cutaway.training.dropout import drop
from cutaway.transformers.config import BertConfig
from cutaway.transformers.packing import PackedBatch


class Embeddings(nn.Module):
    """Token, position and type vectors, summed and normalized.

        x = norm(token[id] + position[place] + type[kind])

    Source:
        Devlin et al. 2019, arXiv:1810.04805, figure 2.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.token = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Embedding(config.positions, config.width)
        self.token_type = nn.Embedding(config.types, config.width) if config.types else None
        self.norm = nn.LayerNorm(config.width, eps=config.block.norm_epsilon)

    def forward(self, batch: PackedBatch) -> Tensor:
        """Look up and add.

        Args:
            batch: N tokens.

        Returns:
            (N, D) float.
        """
        self.check(batch)
        tokens = self.token(batch.ids)  # (N, D)
        places = self.position(batch.positions + self.config.first_position)  # (N, D)
        summed = tokens + places  # (N, D)
        if self.token_type is not None:
            kinds = self.token_type.weight[0] if batch.types is None else self.token_type(batch.types)
            summed = summed + kinds  # (N, D)
        return drop(self.norm(summed), self.config.block.dropout, training=self.training)

    def check(self, batch: PackedBatch) -> None:
        """Refuse what the tables have no row for.

        Args:
            batch: N tokens.

        Raises:
            ShapeError: an id, type or position lies outside its table.
        """
        check_ids(batch, self.config.vocabulary, self.config.longest)
        if batch.types is not None and self.config.types:
            _check_inside("type", batch.types, self.config.types)


def check_ids(batch: PackedBatch, vocabulary: int, longest: int) -> None:
    """Refuse rows that are too long and ids outside the token table.

    Args:
        batch: N tokens.
        vocabulary: rows of the token table.
        longest: the most tokens in a row.

    Raises:
        ShapeError: an id or a position lies outside its table.
    """
    if int(batch.positions.max()) >= longest:
        raise ShapeError(
            f"a row has {int(batch.positions.max()) + 1} tokens, the position table "
            f"{longest} rows: cut the text at {longest} tokens"
        )
    _check_inside("token", batch.ids, vocabulary)


def _check_inside(what: str, ids: Tensor, rows: int) -> None:
    least, most = (int(value) for value in ids.aminmax())
    if least < 0 or most >= rows:
        wrong = least if least < 0 else most
        raise ShapeError(f"{what} id {wrong} is outside the table of {rows} rows (0 to {rows - 1})")
