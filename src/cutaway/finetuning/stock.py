"""A checkpoint of the field that labels texts with its own head, behind the methods of a classifier of ours.

Legend: N tokens of all rows, B rows, D width, C classes.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from cutaway.core.errors import FormatError, UsageError
from cutaway.core.trace import Trace
from cutaway.finetuning.classifier import Classifier, ClassifierSettings
from cutaway.finetuning.inputs import InputSettings
from cutaway.finetuning.lora import LoraSettings
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.transformers.checkpoint import find_checkpoint
from cutaway.transformers.config_json import read_fields
from cutaway.transformers.encoders import read_encoder
from cutaway.transformers.head_maps import HEADS
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.task_heads import LabelHead
from cutaway.transformers.tasks import SequenceLabels

# As the reference's pipeline cuts: the beginning is read, as much as there are positions.
_INPUTS = InputSettings(max_tokens=512, truncation="head")


class StockClassifier(Classifier):
    """A `SequenceLabels` that predicts, scores tables and is served as a classifier of ours is.

    Args:
        name: what the checkpoint was called.
        task: body and head.
        tokenizer: its own.
    """

    def __init__(self, name: str, task: SequenceLabels, tokenizer: Tokenizer) -> None:
        settings = ClassifierSettings(
            base=name, labels=task.labels, inputs=_INPUTS, lora=LoraSettings(), method="full"
        )
        super().__init__(settings, task.body, tokenizer)
        assert isinstance(task.head, LabelHead)
        self.head, self._whole_head, self._by_pooler = task.head.out, task.head, task.pooled

    def pooled(self, hidden: Tensor, batch: PackedBatch) -> Tensor:
        """Return what the last layer sees of each row: its first token, behind pooler or hidden layer.

        Args:
            hidden: (N, D) float.
            batch: B rows.

        Returns:
            (B, D) float.
        """
        first = self.encoder.pool(hidden, batch) if self._by_pooler else batch.first(hidden)  # (B, D)
        return self._whole_head.hidden(first)

    def trace(self, text: str) -> Trace:
        """Refuse, and say what explains such a model.

        Args:
            text: any.

        Raises:
            UsageError: always.
        """
        raise UsageError(_unexplained(self.settings.base))

    def explain(self, text: str, *, label: str | None = None) -> Trace:
        """Refuse, and say what explains such a model.

        Args:
            text: any.
            label: any.

        Raises:
            UsageError: always.
        """
        raise UsageError(_unexplained(self.settings.base))


def _unexplained(name: str) -> str:
    return f"{name} has a head of its own: cutaway attend TEXT --explain --model {name}"


def load_stock(name_or_path: str | Path) -> StockClassifier:
    """Load a checkpoint of BERT, RoBERTa or DistilBERT with a head that labels texts.

    Args:
        name_or_path: as for `Bert.load`.

    Returns:
        The classifier, ready to predict.

    Raises:
        FormatError: it has no such head.
    """
    body, _ = read_encoder(name_or_path)
    told = read_fields(find_checkpoint(name_or_path).config).get("architectures")
    if not isinstance(told, list) or HEADS["a label a text"][body.family].architecture not in told:
        raise FormatError(
            f"{name_or_path} has no head that labels texts: fine-tune it, cutaway finetune DATA --model "
            f"{name_or_path}"
        )
    task = SequenceLabels.load(name_or_path).requires_grad_(False)
    return StockClassifier(str(name_or_path), task, Tokenizer.load(name_or_path))
