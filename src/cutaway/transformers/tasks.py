"""A body with a head: masked words, next sentence, a label a text, a label a token.

Where the heads' layers lie in a checkpoint: head_maps.py. What they compute: task_heads.py.

Legend: B rows, N tokens of all rows, D width, V vocabulary, C labels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from cutaway.core.errors import FormatError, UsageError
from cutaway.core.files import whole_file, write_text
from cutaway.transformers.bert import Bert
from cutaway.transformers.checkpoint import CONFIG, WEIGHTS, assign, find_checkpoint, todays_name
from cutaway.transformers.config_json import read_config, read_fields, write_fields
from cutaway.transformers.encoders import BODIES
from cutaway.transformers.head_maps import HEADS, HeadMap, TaskName
from cutaway.transformers.key_maps import FAMILIES, Stored, keys_of, stored_tensors
from cutaway.transformers.packing import IntArray, PackedBatch
from cutaway.transformers.shards import map_weights
from cutaway.transformers.task_heads import LabelHead, WordHead


class StoredTask(NamedTuple):
    """A body and its head as a checkpoint folder has them: config.json's fields, and tensors by key."""

    fields: dict[str, Any]
    tensors: dict[str, Tensor]


class Task(nn.Module):
    """A body of the BERT family with one head.

    Attributes:
        task: which head.
        body: the encoder.
        labels: what each of the scores stands for; empty for masked words.
        head: its layers.
    """

    task: ClassVar[TaskName]

    def __init__(self, body: Bert, labels: Sequence[str] = ()) -> None:
        super().__init__()
        self.body = body
        self.labels = tuple(labels)
        self.head = self.make_head(self._map())

    @classmethod
    def load(cls, name_or_path: str | Path) -> Self:
        """Load a body and its head, ready for prediction (`eval` mode).

        Args:
            name_or_path: as for `Bert.load`; the family is read from config.json.

        Returns:
            The model.

        Raises:
            FormatError: the checkpoint's family has no such head, or its keys do not fit.
        """
        files = find_checkpoint(name_or_path)
        family, _ = read_config(files.config, tuple(BODIES))
        if family not in HEADS[cls.task]:
            raise FormatError(f"{files.name} is of the family {family}, which has no head for {cls.task}")
        model = cls(BODIES[family].load(name_or_path), read_labels(files.config))
        tensors = {todays_name(key): tensor for key, tensor in map_weights(files.weights).items()}
        places = model._places()
        wanted = {place.key for place in places.values()}
        assign(model.head, {key: tensors[key] for key in wanted & tensors.keys()}, places, name=files.name)
        model.body.left_out = tuple(
            key
            for key in model.body.left_out
            if todays_name(key) not in wanted and key not in model._map().tied
        )
        return model.eval()

    def save(self, folder: str | Path) -> None:
        """Write a checkpoint folder that `load` and the reference implementation read.

        Args:
            folder: made if it is not there.
        """
        stored = self.stored()
        with whole_file(Path(folder) / WEIGHTS) as part:
            save_file(stored.tensors, part, metadata={"format": "pt"})
        write_text(Path(folder) / CONFIG, json.dumps(stored.fields, indent=2) + "\n")

    def stored(self) -> StoredTask:
        """Return what `save` writes: the fields of config.json, and the weights under their keys."""
        family = self.body.family
        fields = write_fields(family, self.body.config) | {"architectures": [self._map().architecture]}
        if self.labels:
            fields["id2label"] = {str(at): label for at, label in enumerate(self.labels)}
            fields["label2id"] = {label: at for at, label in enumerate(self.labels)}
        parameters = dict(self.body.named_parameters())
        body = stored_tensors(parameters, keys_of(family, parameters))
        tensors = {FAMILIES[family].prefix + key: tensor for key, tensor in body.items()}
        tensors |= stored_tensors(dict(self.head.named_parameters()), self._places())
        return StoredTask(fields, tensors)

    def make_head(self, head: HeadMap) -> nn.Module:
        """Return the head's layers: by default one or two over a vector of the body's width.

        Args:
            head: which layers this family's head has.
        """
        width = self.body.config.width
        return LabelHead(width, len(self.labels), head.activation if "dense" in head.layers else None)

    @property
    def pooled(self) -> bool:
        """Whether a text's answer is read from the pooler, not from the first token itself."""
        return self._map().reads == "pooled"

    def _map(self) -> HeadMap:
        return HEADS[self.task][self.body.family]

    def _places(self) -> dict[str, Stored]:
        places = {}
        for name, _ in self.head.named_parameters():
            module, _, kind = name.rpartition(".")
            places[name] = Stored(f"{self._map().layers[module]}.{kind}")
        return places


@dataclass(frozen=True, kw_only=True)
class Filling:
    """A word for a masked place.

    Attributes:
        place: of the mask in the row, from 0.
        id: the word.
        probability: of it, 0 to 1.
    """

    place: int
    id: int
    probability: float


class MaskedWords(Task):
    """Say which word stands behind a mask.

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 3.1, task 1.
    """

    task: ClassVar[TaskName] = "masked words"

    def make_head(self, head: HeadMap) -> nn.Module:
        """Return the word head.

        Args:
            head: which activation this family's head has; none means the body's own.
        """
        return WordHead(self.body.config, head.activation or self.body.config.block.activation)

    def forward(self, batch: PackedBatch) -> Tensor:
        """Score every word at every place.

        Args:
            batch: N tokens.

        Returns:
            (N, V) float.
        """
        scores: Tensor = self.head(self.body(batch), self.body.embeddings.token.weight)
        return scores

    def fill(self, ids: Sequence[int] | IntArray, *, mask: int, topn: int = 5) -> list[list[Filling]]:
        """Fill each mask of one row, each as if the others stayed masks.

        Args:
            ids: T token ids.
            mask: the mask's id.
            topn: how many words a mask.

        Returns:
            For each mask its words, likeliest first.

        Raises:
            UsageError: there is no mask in the row, or topn is below 1.
        """
        batch = PackedBatch.from_rows([torch.as_tensor(ids).numpy()])
        places = (batch.ids == mask).nonzero().flatten()
        if not len(places) or topn < 1:
            raise UsageError(f"{len(places)} masks of id {mask} and topn {topn}: both must be at least 1")
        with torch.inference_mode():
            hidden = self.body(batch.to(self.body.embeddings.token.weight.device))[places]
            chances = self.head(hidden, self.body.embeddings.token.weight).softmax(-1).cpu()
        best = chances.topk(min(topn, chances.shape[1]))
        return [
            [
                Filling(place=at, id=word, probability=chance)
                for word, chance in zip(words, found, strict=True)
            ]
            for at, words, found in zip(
                places.tolist(), best.indices.tolist(), best.values.tolist(), strict=True
            )
        ]


class NextSentence(Task):
    """Say whether the second text of a pair follows the first: score 0 that it does, 1 that it does not.

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 3.1, task 2.
    """

    task: ClassVar[TaskName] = "next sentence"

    def __init__(self, body: Bert, labels: Sequence[str] = ()) -> None:
        del labels
        super().__init__(body, ("follows", "does not follow"))

    def forward(self, batch: PackedBatch) -> Tensor:
        """Score.

        Args:
            batch: B rows, their types telling the two texts apart.

        Returns:
            (B, 2) float.
        """
        scores: Tensor = self.head(self.body.pool(self.body(batch), batch))
        return scores


class SequenceLabels(Task):
    """Give each text a label.

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 4.1.
    """

    task: ClassVar[TaskName] = "a label a text"

    def forward(self, batch: PackedBatch) -> Tensor:
        """Score.

        Args:
            batch: B rows.

        Returns:
            (B, C) float, in the caller's order.
        """
        hidden = self.body(batch)  # (N, D)
        first = self.body.pool(hidden, batch) if self.pooled else batch.first(hidden)  # (B, D)
        scores: Tensor = self.head(first)  # (B, C)
        return scores


class TokenLabels(Task):
    """Give each token a label.

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 5.3.
    """

    task: ClassVar[TaskName] = "a label a token"

    def forward(self, batch: PackedBatch) -> Tensor:
        """Score.

        Args:
            batch: N tokens.

        Returns:
            (N, C) float.
        """
        scores: Tensor = self.head(self.body(batch))  # (N, C)
        return scores


def read_labels(config: Path) -> tuple[str, ...]:
    """Read the labels' names; two unnamed ones where config.json has none, as the field has it.

    Args:
        config: the config.json.

    Returns:
        The names, in the order of the scores.

    Raises:
        FormatError: they are not numbered from 0 up, or not text.
    """
    names = read_fields(config).get("id2label", {"0": "LABEL_0", "1": "LABEL_1"})
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise FormatError(f"{config}: id2label is {names!r}: expected an object of names")
    if sorted(names) != sorted(str(at) for at in range(len(names))) or not names:
        raise FormatError(f"{config}: id2label numbers {sorted(names)}: expected 0 and up, none left out")
    return tuple(names[str(at)] for at in range(len(names)))
