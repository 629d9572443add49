"""Fine-tuning: labelled texts and a pretrained encoder in, a run folder out."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cutaway.core.errors import UsageError
from cutaway.core.files import write_text
from cutaway.core.home import runs_home
from cutaway.finetuning.classifier import Classifier, ClassifierSettings
from cutaway.finetuning.data import Labelled, Rows, read_labelled, split_rows
from cutaway.finetuning.inputs import InputSettings, Row, rows_of
from cutaway.finetuning.lora import LoraSettings
from cutaway.finetuning.metrics import measure
from cutaway.finetuning.report import write_report
from cutaway.finetuning.run import Run
from cutaway.finetuning.runs.curves import write_history
from cutaway.finetuning.runs.labelled_plan import plan_of
from cutaway.finetuning.runs.predictions import Answers, write_answers
from cutaway.finetuning.runs.recorder import Plan, recording
from cutaway.finetuning.saved import CONFIG, save_classifier
from cutaway.training.batches import token_budget_batches
from cutaway.training.loop import Listener, LoopSettings, fit
from cutaway.training.optimizer import OptimizerSettings
from cutaway.training.precision import training_precision
from cutaway.training.run_folder import SavingSettings, open_run
from cutaway.transformers.packing import PackedBatch

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
    saving: SavingSettings | None = None,
) -> Run:
    """Train a classifier over a pretrained encoder and write its run folder.

    While it trains, the folder keeps checkpoints: what ended early, by whatever, goes on from the newest,
    to the same weights (on a CPU with one thread bit for bit).

    Args:
        data: a table's path, a catalog name, or labelled texts.
        model: the encoder: a catalog name or a checkpoint folder.
        settings: what differs from the defaults.
        out: the run folder; by default `runs/<time>`.
        listen: told of each step and each epoch.
        saving: how often a checkpoint is written, and whether an unfinished run of the folder goes on.

    Returns:
        The run: its folder, history and held-out measures.

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 4; Hu et al. 2021, arXiv:2106.09685.
    """
    chosen = settings or FinetuneSettings()
    folder = out or runs_home() / time.strftime("%Y%m%d-%H%M%S")
    keeping = saving or SavingSettings()
    with open_run(folder, keeping, mark=CONFIG):
        labelled = data if isinstance(data, Labelled) else read_labelled(data)
        return _trained(labelled, (model, chosen), folder, listen, keeping)


def _trained(
    labelled: Labelled,
    chosen: tuple[str, FinetuneSettings],
    folder: Path,
    listen: Listener | None,
    saving: SavingSettings,
) -> Run:
    """Train in a folder that is held."""
    model, settings = chosen
    count = settings.held_out if settings.held_out >= 1 else max(1, settings.held_out * len(labelled))
    split = split_rows(labelled.labels, held_out=round(count), seed=settings.loop.seed)
    torch.manual_seed(settings.loop.seed)
    classifier = Classifier.create(
        ClassifierSettings(
            base=model, labels=tuple(labelled.classes), inputs=settings.inputs, lora=settings.lora
        )
    )
    plan = plan_of(labelled, split, folder=folder, model=model, settings=settings)
    recipe = {"data": plan.data["sha256"], "base": classifier.encoder.sha256, **plan.settings}
    with recording(plan, listen) as recorder:
        task = _Finetuning(classifier, labelled, split, settings, folder)
        write_text(folder / "settings.json", _settings_json(plan))
        checkpoints = saving.checkpoints(folder, recipe)
        history = fit(task, settings.loop, recorder.listener, checkpoints=checkpoints)
        run = Run(folder=folder, history=history, measures=dict(history.best.validation))
        recorder.measured(run.measures)
        write_history(folder, history)
        write_answers(folder, task.answers(labelled))
        write_report(run, labelled.pick(split[1]), task.best_probabilities, classifier.settings.labels)
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
        self._precision = training_precision(settings.precision)
        number = {name: at for at, name in enumerate(classifier.settings.labels)}
        truth = np.array([number[label] for label in labelled.labels], dtype=np.int64)
        rows = rows_of(classifier.tokenizer, labelled.texts, settings.inputs)
        training, held = split
        self._rows, self._truth = [rows[at] for at in training], torch.from_numpy(truth[training])
        self._held, self._held_rows, self._held_truth = held, [rows[at] for at in held], truth[held]

    def batches(self, epoch: int) -> Sequence[Rows]:
        seed = self._settings.loop.seed * 1000 + epoch
        return token_budget_batches(
            [len(row) for row in self._rows], budget=self._settings.batch_tokens, seed=seed
        )

    def tokens(self, batch: Rows) -> int:
        return sum(len(self._rows[at]) for at in batch)

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

    def answers(self, labelled: Labelled) -> Answers:
        """The best epoch's answers to the held-out examples."""
        picked = labelled.pick(self._held)
        return Answers(
            rows=self._held if picked.rows is None else picked.rows,
            texts=picked.texts,
            truth=self._held_truth,
            tokens=np.array([len(row) for row in self._held_rows], dtype=np.int64),
            probabilities=self.best_probabilities,
            classes=self.model.settings.labels,
        )

    def state(self) -> Mapping[str, Tensor]:
        return {"best_probabilities": torch.from_numpy(self.best_probabilities)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.best_probabilities = state["best_probabilities"].numpy()


def _settings_json(plan: Plan) -> str:
    settings = {name: value for name, value in plan.settings.items() if name != "model"}
    fields = {
        "data": plan.data,
        "model": plan.settings["model"],
        "torch": str(torch.__version__),
        "settings": settings,
    }
    return json.dumps(fields, indent=2) + "\n"
