"""Training of a recurrent translator: pairs in, a run folder out, stopped and resumed bit for bit.

The run folder: config.json and model.safetensors (the weights to use), tokenizer.json, settings.json,
history.json, run.json; while it is trained also checkpoints/, with the weights to average.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from cutaway.core.files import whole_file, write_text
from cutaway.finetuning.parallel_text import EncodedPairs, Subwords, encode_pairs, train_subwords
from cutaway.finetuning.pretraining import HISTORY, SETTINGS, TOKENIZER, ParallelSplit
from cutaway.finetuning.runs.recorder import Plan, recording, settings_of
from cutaway.finetuning.translator_settings import TranslatorSettings
from cutaway.recurrent.seq2seq import Seq2Seq
from cutaway.recurrent.seq2seq_files import save_seq2seq
from cutaway.training.batches import Rows
from cutaway.training.loop import Epoch, History, Listener, Step, fit
from cutaway.training.run_folder import CHECKPOINTS, SavingSettings, open_run


@dataclass(frozen=True, kw_only=True)
class TranslatorRun:
    """One finished training.

    Attributes:
        folder: the run folder.
        history: every step and epoch.
        loss: of the held-out targets, in nats a token, with the weights that were kept.
        kept: "epoch N", or "average of epochs N to M".
    """

    folder: Path
    history: History
    loss: float
    kept: str


def train_translator(
    data: ParallelSplit,
    settings: TranslatorSettings,
    *,
    out: Path,
    listen: Listener | None = None,
    saving: SavingSettings | None = None,
) -> TranslatorRun:
    """Train an encoder-decoder and write its run folder.

    Args:
        data: pairs to learn from, and pairs that are only scored.
        settings: shape, batches, loop.
        out: the run folder.
        listen: told of each step and each epoch.
        saving: how often a checkpoint is written, and whether an unfinished run of the folder goes on.

    Returns:
        The run.
    """
    keeping = saving or SavingSettings()
    with open_run(out, keeping, mark=SETTINGS):
        subwords = train_subwords(data.training, vocabulary=settings.vocabulary)
        pairs = (
            encode_pairs(data.training, subwords, longest=settings.tokens),
            encode_pairs(data.held_out, subwords, longest=settings.tokens),
        )
        torch.manual_seed(settings.loop.seed)
        task = _Task(Seq2Seq(settings.model(subwords)), subwords, pairs, settings, out)
        checkpoints = keeping.checkpoints(out, {"data": data.sha256, "settings": asdict(settings)})
        with recording(_plan(data, task), listen) as recorder:
            history = fit(task, settings.loop, task.told(recorder.listener), checkpoints=checkpoints)
            kept, loss = _average(task, history)
            told = {**history.to_json(), "kept": kept, "loss": loss}
            write_text(out / HISTORY, json.dumps(told, indent=1) + "\n")
            recorder.measured({"loss": loss})
    return TranslatorRun(folder=out, history=history, loss=loss, kept=kept)


def _plan(data: ParallelSplit, task: _Task) -> Plan:
    counts = {name: task.facts[name] for name in ("pairs", "tokens", "held_out_pairs")}
    return Plan(
        kind="translator",
        folder=task.folder,
        settings=settings_of(task.settings),
        data={
            "source": f"{len(data.training):,} pairs",
            "sha256": data.sha256,
            "blank_pairs": data.training.blank,
            **counts,
        },
        seeds={"all": task.settings.loop.seed},
    )


class _Task:
    """Pairs in, the mean loss of the target out."""

    def __init__(
        self,
        model: Seq2Seq,
        subwords: Subwords,
        pairs: tuple[EncodedPairs, EncodedPairs],
        settings: TranslatorSettings,
        folder: Path,
    ) -> None:
        self.model, self.settings, self.folder = model, settings, folder
        self._subwords, (self._pairs, self._held) = subwords, pairs
        self.facts = {
            "pairs": len(self._pairs),
            "tokens": sum(map(len, self._pairs.targets)),
            "held_out_pairs": len(self._held),
            "long_pairs": self._pairs.long,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "threads": torch.get_num_threads(),
        }

    def batches(self, epoch: int) -> Sequence[Rows]:
        """Return pairs of similar length together."""
        seed = self.settings.loop.seed * 1000 + epoch
        return self._pairs.batches(budget=self.settings.batch_tokens, seed=seed)

    def tokens(self, batch: Rows) -> int:
        """Return how many tokens both sides of a batch hold."""
        return self._pairs.tokens_of(batch)

    def loss(self, batch: Rows) -> tuple[Tensor, int]:
        """Return the mean loss, its answers smoothed, and how many words were asked for."""
        return self._loss(self._pairs, batch, self.settings.smoothing)

    def validate(self) -> Mapping[str, float]:
        """Return the mean loss of the held-out targets, in nats, not smoothed."""
        total, count = 0.0, 0
        for batch in self._held.batches(budget=self.settings.batch_tokens, seed=None):
            loss, words = self._loss(self._held, batch, 0.0)
            total, count = total + float(loss) * words, count + words
        return {"loss": total / count}

    def keep(self, epoch: int) -> None:
        """Write the model, its subwords and how it was trained."""
        del epoch
        save_seq2seq(self.model, self.folder)
        self._subwords.save(self.folder / TOKENIZER)
        told = {**self.facts, "torch": str(torch.__version__), "settings": asdict(self.settings)}
        write_text(self.folder / SETTINGS, json.dumps(told, indent=2) + "\n")

    def epoch_file(self, epoch: int) -> Path:
        """Where an epoch's weights lie until they are averaged."""
        return self.folder / CHECKPOINTS / f"weights-{epoch:04d}.safetensors"

    def told(self, listen: Listener) -> Listener:
        """Leave the weights of each epoch on disk as it ends, then tell the listener."""

        def told(event: Step | Epoch, steps: int | None) -> None:
            if isinstance(event, Epoch):
                with whole_file(self.epoch_file(event.epoch)) as part:
                    save_file({name: p.contiguous() for name, p in self.model.state_dict().items()}, part)
                self.epoch_file(event.epoch - self.settings.average).unlink(missing_ok=True)
            listen(event, steps)

        return told

    def _loss(self, pairs: EncodedPairs, batch: Rows, smoothing: float) -> tuple[Tensor, int]:
        rows = batch.tolist()
        sources, targets = ([side[at] for at in rows] for side in (pairs.sources, pairs.targets))
        return self.model.loss(sources, targets, smoothing=smoothing), sum(map(len, targets))


def _average(task: _Task, history: History) -> tuple[str, float]:
    """Average the last epochs; keep that where it scores better than the best one."""
    best, last = history.best, len(history.epochs)
    single = f"epoch {best.epoch}", best.validation["loss"]
    first = max(1, last - task.settings.average + 1)
    files = [task.epoch_file(epoch) for epoch in range(first, last + 1)]
    if len(files) < 2 or not all(file.is_file() for file in files):
        return single
    parts = [load_file(file) for file in files]
    mean = {name: torch.stack([part[name] for part in parts]).mean(0) for name in parts[0]}
    task.model.load_state_dict(mean)
    task.model.eval()
    with torch.no_grad():
        loss = task.validate()["loss"]
    if loss >= best.validation["loss"]:
        return single
    task.keep(last)
    return f"average of epochs {first} to {last}", loss
