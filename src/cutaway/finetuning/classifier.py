"""A classifier: tokenizer, encoder and head joined; it answers, and it shows how.

Legend: N tokens of all rows, B rows, D width, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cutaway.core.errors import ShapeError, UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.finetuning.inputs import InputSettings, Row, kept, rows_of
from cutaway.finetuning.lora import LoraSettings, add_adapters, merge_adapters
from cutaway.finetuning.precision import Asked, choose_precision
from cutaway.finetuning.predictions import Predictions, check_threshold, labels_of
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.training.batches import token_budget_batches
from cutaway.transformers.bert import Bert
from cutaway.transformers.checkpoint import weights_sha256
from cutaway.transformers.encoders import load_encoder
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.prepared import BUDGETS
from cutaway.transformers.products import Precision
from cutaway.transformers.trace import trace_bert

# So many rows of so many tokens are enough for the encoder to prepare its blocks.
_WARM = 32

Method = Literal["lora", "full", "head"]


@dataclass(frozen=True, kw_only=True)
class ClassifierSettings:
    """What a classifier is made of.

    Attributes:
        base: catalog name or folder of the pretrained encoder.
        labels: the classes, in the order of the head's outputs.
        inputs: row length and truncation.
        lora: the adapters.
        method: what learns: "lora" the adapters and the head, "full" all weights, "head" the head alone.
    """

    base: str
    labels: tuple[str, ...]
    inputs: InputSettings
    lora: LoraSettings
    method: Method = "lora"

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise UsageError(f"a classifier needs two distinct labels or more, not {list(self.labels)}")
        if self.method not in get_args(Method):
            raise UsageError(f"method is {self.method!r}: choose one of {list(get_args(Method))}")


class Classifier(nn.Module):
    """Mean-pooled encoder output through one linear layer.

        p = softmax(W mean(x₁ … x_T) + b)

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 4.1, with the mean of all tokens in the place of
        the first one, as the base was trained (Reimers & Gurevych 2019, arXiv:1908.10084).
    """

    def __init__(self, settings: ClassifierSettings, encoder: Bert, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.settings = replace(settings, inputs=settings.inputs.at_most(encoder.config.longest))
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.head = nn.Linear(encoder.config.width, len(settings.labels))
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    @classmethod
    def create(cls, settings: ClassifierSettings) -> Classifier:
        """Return an untrained classifier over a pretrained encoder, ready to learn.

        Args:
            settings: base, labels, row length, adapters.

        Returns:
            The classifier; what its method names is what trains.
        """
        encoder = load_encoder(settings.base)
        encoder.sha256 = encoder.sha256 or weights_sha256(settings.base)
        encoder.requires_grad_(settings.method == "full")
        if settings.method == "lora":
            add_adapters(encoder, settings.lora)
        if settings.method == "full":
            # Nobody reads the pooler; of the word table a batch reads some rows (training/lazy_adamw.py).
            if encoder.pooler is not None:
                encoder.pooler.requires_grad_(False)
            encoder.embeddings.token.sparse = True
        return cls(settings, encoder, Tokenizer.load(settings.base))

    @classmethod
    def load(cls, run_or_name: str | Path) -> Classifier:
        """Load a trained classifier, adapters merged into the encoder.

        Args:
            run_or_name: a run folder, the name of a run under `runs/`, or a catalog name
                ("sentiment").

        Returns:
            The classifier, ready to predict.
        """
        from cutaway.finetuning.saved import load_classifier

        return load_classifier(run_or_name)

    def merge(self) -> Classifier:
        """Merge the adapters into the encoder, in place, for prediction; return self."""
        merge_adapters(self.encoder)
        return self.eval()

    def forward(self, batch: PackedBatch) -> Tensor:
        """Compute the logits.

        Args:
            batch: B rows, N tokens together.

        Returns:
            (B, C) float.
        """
        hidden = self.encoder(batch)  # (N, D)
        return self.scores(hidden, batch)

    def scores(self, hidden: Tensor, batch: PackedBatch) -> Tensor:
        """Compute the logits of what the encoder made.

        Args:
            hidden: (N, D) float.
            batch: B rows.

        Returns:
            (B, C) float.
        """
        pooled = self.pooled(hidden, batch)  # (B, D)
        logits: Tensor = self.head(pooled)  # (B, C)
        return logits

    def pooled(self, hidden: Tensor, batch: PackedBatch) -> Tensor:
        """Return what the head sees of each row.

        Args:
            hidden: (N, D) float.
            batch: B rows.

        Returns:
            (B, D) float.
        """
        return batch.mean(hidden)

    def predict(
        self, texts: Sequence[str], *, precision: Asked = "float32", threshold: float | None = None
    ) -> Predictions:
        """Classify texts.

        Args:
            texts: none of them empty.
            precision: "bfloat16", "int16" and "int8" are faster where the processor multiplies them, "auto"
                tries them where there is enough to read. One that moves a probability by more than 0.01 on a
                sample of the texts is not used, and `note` says so.
            threshold: the least probability of a label that is given, else it is "abstain"; None gives
                every label.

        Returns:
            Labels and probabilities, in the order of the texts.
        """
        classes = self.settings.labels
        check_threshold(threshold, classes)
        rows = rows_of(self.tokenizer, texts, self.settings.inputs) if texts else []
        chosen = choose_precision(self, rows, precision)
        probabilities = np.zeros((len(rows), len(classes)), dtype=np.float32)
        for at, answer in self.predict_rows(rows, precision=chosen.precision):
            probabilities[at] = answer
        return Predictions(
            labels=labels_of(probabilities, classes, threshold),
            probabilities=probabilities,
            classes=classes,
            precision=chosen.precision,
            note=chosen.note,
        )

    def predict_rows(
        self, rows: Sequence[Row], *, precision: Precision = "float32"
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield row numbers and their probabilities, batch by batch, similar lengths together.

        Args:
            rows: ids, from `rows_of`.
            precision: see `predict`.
        """
        self.eval()
        for at in token_budget_batches([len(row) for row in rows], budget=BUDGETS[precision], seed=None):
            batch = PackedBatch.from_rows([rows[number] for number in at]).to(self.head.weight.device)
            with torch.inference_mode():
                logits = self.scores(self.encoder.infer(batch, precision=precision), batch)
            yield at, torch.softmax(logits, dim=-1).cpu().numpy()

    def warm_up(self, precision: Precision = "float32") -> None:
        """Prepare the encoder, so that the first text is answered like, and as fast as, any later one.

        Args:
            precision: see `predict_rows`.
        """
        length = min(self.settings.inputs.max_tokens, _WARM)
        rows = [np.full(length, self.tokenizer.cls_id)] * (_WARM**2 // length)
        for _ in self.predict_rows(rows, precision=precision):
            pass

    def trace(self, text: str) -> Trace:
        """Classify one text on the open path, keeping every number on the way.

        Args:
            text: not empty; what does not fit is left out as the settings say.

        Returns:
            The encoder's trace, then `pooled` (D,), `logits` (C,) and `probabilities` (C,); the table
            `tokens` tells what each position read (start and end in characters of the text).

        Raises:
            ShapeError: the adapters are still separate: call `merge` first.
        """
        if any(name.endswith(".base.weight") for name, _ in self.encoder.named_parameters()):
            raise ShapeError("the adapters are not merged: call merge() before trace()")
        row = rows_of(self.tokenizer, [text], self.settings.inputs)[0]
        tokens = self.token_rows(text)
        with torch.inference_mode():
            inner = trace_bert(self.encoder, row, tokens=[str(token[0]) for token in tokens])
            return self._trace_head(inner, tokens)

    def explain(self, text: str, *, label: str | None = None) -> Trace:
        """Attribute a label's lead over its closest rival to the tokens of a text.

        Args:
            text: not empty.
            label: which label to explain; the likeliest if not given.

        Returns:
            The trace of `transformers.attributions.integrated_gradients`.
        """
        from cutaway.finetuning.explained import explain

        return explain(self, text, label=label)

    def _trace_head(self, inner: Trace, tokens: list[tuple[str, int, int, int]]) -> Trace:
        """The head as the textbook writes it, behind the encoder's own trace."""
        rec = Recorder("text to label")
        rec.include(inner)
        rec.table("tokens", ("token", "id", "start", "end"), tokens, formula="[CLS] what is kept [SEP]")
        x = torch.from_numpy(inner["output"][-1].copy())
        weight, bias = self.head.weight, self.head.bias
        rec.keep("head_weight", weight, axes=("label", "dim"), formula="W, learned")
        rec.keep("head_bias", bias, axes=("label",), formula="b, learned")
        pooled = rec.keep(
            "pooled",
            x.mean(0),
            axes=("dim",),
            formula="h = Σ xₜ / T, x the last layer's output",
            inputs=("output",),
        )
        logits = rec.keep(
            "logits",
            weight @ pooled + bias,
            axes=("label",),
            formula="z = W h + b",
            inputs=("head_weight", "pooled", "head_bias"),
        )
        rec.keep(
            "probabilities",
            logits.exp() / logits.exp().sum(),
            axes=("label",),
            formula="p = exp(z) / Σ exp(z)",
            inputs=("logits",),
        )
        rec.label("label", self.settings.labels)
        return rec.finish()

    def token_rows(self, text: str) -> list[tuple[str, int, int, int]]:
        """Return token, id and character span of each position that the encoder reads.

        Args:
            text: what does not fit is left out as the settings say.
        """
        plain = self.tokenizer.encode(text, special=False)
        head, tail = kept(len(plain.ids), self.settings.inputs)
        at = [*range(head), *range(len(plain.ids) - tail, len(plain.ids))]
        inside = [(plain.tokens[i], plain.ids[i], *plain.offsets[i]) for i in at]
        first, last = self.tokenizer.cls_id, self.tokenizer.sep_id
        ends = len(text)
        return [
            (self.tokenizer.token_of(first), first, 0, 0),
            *inside,
            (self.tokenizer.token_of(last), last, ends, ends),
        ]
