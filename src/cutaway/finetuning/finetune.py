"""Fine-tuning: labelled texts and a pretrained encoder in, a run folder out."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cutaway.core.errors import UsageError
from cutaway.core.files import write_text
from cutaway.finetuning.classifier import Classifier, ClassifierSettings
from cutaway.finetuning.data import Labelled, Rows, read_labelled, split_rows
from cutaway.finetuning.inputs import InputSettings, Row, rows_of
from cutaway.finetuning.lora import LoraSettings
from cutaway.finetuning.metrics import measure
from cutaway.finetuning.report import write_report
from cutaway.finetuning.run import Run
from cutaway.finetuning.saved import CONFIG, RUNS, save_classifier
from cutaway.training.batches import token_budget_batches
from cutaway.training.loop import Epoch, Listener, LoopSettings, Step, fit
from cutaway.training.optimizer import OptimizerSettings
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.products import Precision

BASE = "all-MiniLM-L6-v2"


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings:
    """Everything that decides what a fine-tuning does.

    Attributes:
        held_out: rows kept for validation: a count if 1 or more, else a share.
        batch_tokens: tokens in a training batch, at most.
        precision: of the matrix products in training; "auto" is bfloat16 where the processor has it.
        inputs: row length and truncation.
        lora: the adapters; rank 0 trains the head alone.
        loop: epochs, patience, seed, optimizer.
    """

    held_out: float = 0.1
    batch_tokens: int = 4096
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    inputs: InputSettings = field(default_factory=InputSettings)
    lora: LoraSettings = field(default_factory=LoraSettings)
    loop: LoopSettings = field(
        default_factory=lambda: LoopSettings(epochs=3, optimizer=OptimizerSettings(rate=5e-4))
    )

    def __post_init__(self) -> None:
        if self.held_out <= 0 or self.batch_tokens < 1:
            raise UsageError(f"held_out {self.held_out} and batch_tokens {self.batch_tokens} must be above 0")


def finetune(
    data: str | Path | Labelled,
    *,
    model: str = BASE,
    settings: FinetuneSettings | None = None,
    out: Path | None = None,
    listen: Listener | None = None,
) -> Run:
    """Train a classifier over a pretrained encoder and write its run folder.

    Args:
        data: a table's path, a catalog name, or labelled texts.
        model: the encoder: a catalog name or a checkpoint folder.
        settings: what differs from the defaults.
        out: the run folder; by default `runs/<time>`.
        listen: told of each step and each epoch.

    Returns:
        The run: its folder, history and held-out measures.

    Raises:
        UsageError: the run folder already holds a run.

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 4; Hu et al. 2021, arXiv:2106.09685.
    """
    chosen = settings or FinetuneSettings()
    folder = out or RUNS / time.strftime("%Y%m%d-%H%M%S")
    if (folder / CONFIG).exists():
        raise UsageError(f"{folder} already holds a run: name another folder")
    labelled = data if isinstance(data, Labelled) else read_labelled(data)
    count = chosen.held_out if chosen.held_out >= 1 else max(1, chosen.held_out * len(labelled))
    training, held = split_rows(labelled.labels, held_out=round(count), seed=chosen.loop.seed)
    torch.manual_seed(chosen.loop.seed)
    classifier = Classifier.create(
        ClassifierSettings(base=model, labels=tuple(labelled.classes), inputs=chosen.inputs, lora=chosen.lora)
    )
    task = _Finetuning(classifier, labelled, (training, held), chosen, folder)
    write_text(folder / "settings.json", _settings_json(labelled, model, chosen, len(training), len(held)))
    history = fit(task, chosen.loop, _both(listen, folder))
    run = Run(folder=folder, history=history, measures=dict(history.best.validation))
    write_text(folder / "history.json", json.dumps(history.to_json(), indent=1) + "\n")
    write_report(run, labelled.pick(held), task.best_probabilities, classifier.settings.labels)
    return run


class _Finetuning:
    """The loop's task: rows of ids in, cross-entropy out, the trained part kept in the run folder."""

    def __init__(
        self,
        classifier: Classifier,
        labelled: Labelled,
        split: tuple[Rows, Rows],
        settings: FinetuneSettings,
        folder: Path,
    ) -> None:
        self.model = classifier
        self.best_probabilities = np.zeros((0, 0), dtype=np.float32)
        self._folder, self._settings = folder, settings
        self._precision = _precision(settings.precision)
        number = {name: at for at, name in enumerate(classifier.settings.labels)}
        truth = np.array([number[label] for label in labelled.labels], dtype=np.int64)
        rows = rows_of(classifier.tokenizer, labelled.texts, settings.inputs)
        training, held = split
        self._rows, self._truth = [rows[at] for at in training], torch.from_numpy(truth[training])
        self._held_rows, self._held_truth = [rows[at] for at in held], truth[held]

    def batches(self, epoch: int) -> Sequence[Rows]:
        seed = self._settings.loop.seed * 1000 + epoch
        return token_budget_batches(
            [len(row) for row in self._rows], budget=self._settings.batch_tokens, seed=seed
        )

    def loss(self, batch: Rows) -> tuple[Tensor, int]:
        rows: list[Row] = [self._rows[at] for at in batch]
        with torch.autocast("cpu", torch.bfloat16, enabled=self._precision == "bfloat16"):
            logits = self.model(PackedBatch.from_rows(rows))
        return functional.cross_entropy(logits.float(), self._truth[batch]), len(batch)

    def validate(self) -> Mapping[str, float]:
        probabilities = np.zeros((len(self._held_rows), len(self.model.settings.labels)), dtype=np.float32)
        for at, answer in self.model.predict_rows(self._held_rows, precision=self._precision):
            probabilities[at] = answer
        self._probabilities = probabilities
        return measure(probabilities, self._held_truth)

    def keep(self, epoch: int) -> None:
        save_classifier(self.model, self._folder)
        self.best_probabilities = self._probabilities


def _precision(asked: Literal["auto", "float32", "bfloat16"]) -> Precision:
    if asked != "auto":
        return asked
    return "bfloat16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "float32"


def _settings_json(
    labelled: Labelled, model: str, settings: FinetuneSettings, training: int, held: int
) -> str:
    fields = {
        "data": {
            "source": labelled.source,
            "sha256": labelled.sha256,
            "training": training,
            "held_out": held,
        },
        "model": model,
        "torch": str(torch.__version__),
        "settings": asdict(settings),
    }
    return json.dumps(fields, indent=2) + "\n"


def _both(listen: Listener | None, folder: Path) -> Listener:
    """Tell the listener, and leave each epoch on disk as it ends: a run that is killed keeps them."""
    epochs: list[dict[str, object]] = []

    def told(event: Step | Epoch, steps: int | None) -> None:
        if isinstance(event, Epoch):
            epochs.append(asdict(event))
            write_text(folder / "history.json", json.dumps({"epochs": epochs}, indent=1) + "\n")
        if listen:
            listen(event, steps)

    return told
