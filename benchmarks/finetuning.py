"""Room 5's training measured: all parameters of MiniLM on real reviews, beside the HF model in the same run.

    python benchmarks/finetuning.py [reviews] [optimizer] [memory]

Needs the data folder (CUTAWAY_DATA). Each part that is named is measured anew, the others stay in the
day's record.

The peer is HF's own model in a loop with the defaults of its Trainer (transformers 5): batches of 8,
padded to their longest row, attention and hidden dropout 0.1, float32, AdamW fused by torch, norms of
gradients clipped at 1. "Grouped by length" sorts within 50 batches, as its sampler of that name does.
Ours multiplies as `--precision auto` has it on this machine, which the record names, and once in float32.
Rows are tokenized before the clock starts. The ratios of reviews compare processor seconds of both threads:
other work on the machine lengthens the wall's seconds, which are recorded beside them. The contenders take
turns, epoch by epoch, and the turn's order moves on, so that a busy moment strikes all of them alike.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# A file beside this one has the name of the package that is measured against: its folder comes last.
HERE = Path(__file__).resolve().parent
sys.path[:] = [*(part for part in sys.path if Path(part or ".").resolve() != HERE), str(HERE)]

import numpy as np  # noqa: E402
import torch  # noqa: E402

import transformers  # noqa: E402
from cutaway.catalog.resolve import resolve  # noqa: E402
from cutaway.finetuning.data import Labelled, read_labelled  # noqa: E402
from cutaway.finetuning.finetune import prepared  # noqa: E402
from cutaway.finetuning.finetune_settings import BASE, FinetuneSettings  # noqa: E402
from cutaway.finetuning.inputs import InputSettings  # noqa: E402
from cutaway.finetuning.labelled_task import LabelledTask  # noqa: E402
from cutaway.training.loop import LoopSettings, Training  # noqa: E402
from cutaway.training.optimizer import OptimizerSettings  # noqa: E402
from cutaway.training.precision import training_precision  # noqa: E402
from record import write_record  # noqa: E402

THREADS = 2
LONGEST, BATCH, TOKENS = 256, 8, 4096
REVIEWS, EPOCHS = 48, 4
ROUNDS = 15
RATE = 5e-5

Rows = list[tuple[np.ndarray[Any, Any], int]]


def reviews(count: int, seed: int = 0) -> Labelled:
    """Reviews of both classes; the file is sorted by label, so they are drawn."""
    labelled = read_labelled("imdb")
    return labelled.pick(np.random.default_rng(seed).permutation(len(labelled))[:count])


def ours(labelled: Labelled, **choices: Any) -> Training:
    """A training as `cutaway finetune` has it, over all of the reviews."""
    settings = FinetuneSettings(
        **{"method": "full", "batch_tokens": TOKENS, "device": "cpu", **choices},
        inputs=InputSettings(max_tokens=LONGEST, truncation="head"),
        loop=LoopSettings(epochs=1, optimizer=OptimizerSettings(rate=RATE)),
    )
    classifier, _ = prepared(labelled, BASE, settings)
    every = np.arange(len(labelled))
    task = LabelledTask(classifier, labelled, (every, every[:2]), settings, Path())
    training = Training(task, settings.loop, lambda event, steps: None)
    training.task.model.train()
    return training


def run_ours(training: Training) -> None:
    for step in training.epochs[0]:
        training.move(step, RATE)


class Peer:
    """HF's classifier in a loop with the Trainer's defaults."""

    def __init__(self, *, grouped: bool) -> None:
        torch.manual_seed(0)
        self.grouped = grouped
        self.model = transformers.BertForSequenceClassification.from_pretrained(
            resolve(BASE).folder, num_labels=2
        ).train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=RATE, weight_decay=0.0, fused=True)

    def epoch(self, rows: Rows) -> None:
        order = np.random.default_rng(0).permutation(len(rows))
        if self.grouped:
            blocks = [order[at : at + 50 * BATCH] for at in range(0, len(order), 50 * BATCH)]
            order = np.concatenate([sorted(block, key=lambda at: -len(rows[at][0])) for block in blocks])
        for start in range(0, len(order), BATCH):
            self.step([rows[at] for at in order[start : start + BATCH]])

    def step(self, rows: Rows) -> None:
        ids = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row, _ in rows], batch_first=True)
        labels = torch.tensor([label for _, label in rows])
        self.model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()


def rows_of(training: Training) -> Rows:
    task: Any = training.task
    return [(row, int(label)) for row, label in zip(task._rows, task._truth, strict=True)]


def measure_reviews() -> list[dict[str, object]]:
    """The same reviews again and again: the quickest epoch is the one that was disturbed least."""
    part = reviews(REVIEWS)
    work: dict[str, Callable[[], Callable[[], None]]] = {
        "HF Trainer's defaults": lambda: _peer(part, grouped=False),
        "HF grouped by length": lambda: _peer(part, grouped=True),
        "all parameters": lambda: _ours(part),
        "all parameters in float32": lambda: _ours(part, precision="float32"),
        "LoRA, rank 8": lambda: _ours(part, method="lora"),
    }
    runs = {name: make() for name, make in work.items()}
    seconds: dict[str, list[float]] = {name: [] for name in work}
    processor: dict[str, list[float]] = {name: [] for name in work}
    names = list(work)
    for turn in range(EPOCHS):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started, used = time.perf_counter(), time.process_time()
            runs[name]()
            seconds[name].append(time.perf_counter() - started)
            processor[name].append(time.process_time() - used)
    peer = min(processor["HF Trainer's defaults"])
    by_clock = min(seconds["HF Trainer's defaults"])
    products = {"all parameters": training_precision("auto")}
    return [
        {
            "work": f"{REVIEWS} reviews cut at {LONGEST} tokens, {name}, best of {EPOCHS} epochs",
            "seconds": min(seconds[name]), "seconds_by_epoch": seconds[name],
            "processor_seconds": min(processor[name]), "processor_seconds_by_epoch": processor[name],
            "reviews_per_second": REVIEWS / min(seconds[name]),
            "products": products.get(name, "float32"),
            "peer": "HF model, defaults of its Trainer", "peer_processor_seconds": peer,
            "ratio": peer / min(processor[name]), "ratio_by_the_clock": by_clock / min(seconds[name]),
        }
        for name in names
    ]  # fmt: skip


def _ours(part: Labelled, **choices: Any) -> Callable[[], None]:
    training = ours(part, **choices)
    return lambda: run_ours(training)


def _peer(part: Labelled, *, grouped: bool) -> Callable[[], None]:
    rows, peer = rows_of(ours(part)), Peer(grouped=grouped)
    return lambda: peer.epoch(rows)


def measure_optimizer() -> list[dict[str, object]]:
    """One step of AdamW over every parameter, gradients from one real batch."""
    training = ours(reviews(40))
    batch = training.epochs[0][0]
    sizes = [p for p in training.trained if p.requires_grad]
    training._gradients(batch, RATE)
    gradients = [p.grad for p in sizes]
    dense = [g.to_dense() if g is not None and g.is_sparse else g for g in gradients]
    contenders: dict[str, tuple[torch.optim.Optimizer, Sequence[Any]]] = {
        "ours": (training.optimizer, gradients),
        "torch, fused": (torch.optim.AdamW(sizes, lr=RATE, fused=True), dense),
        "torch, default": (torch.optim.AdamW(sizes, lr=RATE), dense),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS + 2):
        for name, (optimizer, given) in contenders.items():
            for parameter, gradient in zip(sizes, given, strict=True):
                parameter.grad = None if gradient is None else gradient.clone()
            started = time.perf_counter()
            optimizer.step()
            seconds[name].append(time.perf_counter() - started)
    middle = {name: statistics.median(times[2:]) for name, times in seconds.items()}
    millions = sum(p.numel() for p in sizes) / 1e6
    return [
        {
            "work": f"AdamW step, {millions:.1f} million parameters, {name}",
            "seconds": middle[name], "seconds_by_round": seconds[name][2:],
            "peer": "torch.optim.AdamW, default", "peer_seconds": middle["torch, default"],
            "ratio": middle["torch, default"] / middle[name],
        }
        for name in contenders
    ]  # fmt: skip


def measure_memory() -> list[dict[str, object]]:
    """Peak memory of a process of its own while it takes three steps of 16 rows of 256 tokens."""
    peaks = {}
    for name in ("hf", "ours", "lora"):
        command = [sys.executable, __file__, f"--child={name}"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks[name] = json.loads(told.splitlines()[-1])
    titles = {"hf": "HF model", "ours": "all parameters", "lora": "LoRA, rank 8"}
    return [
        {
            "work": f"memory while fine-tuning, a batch of {TOKENS} tokens, {titles[name]}",
            "peak_mb": peak["peak"], "before_training_mb": peak["before"],
            "peer": "HF model, same rows", "peer_peak_mb": peaks["hf"]["peak"],
            "ratio": peaks["hf"]["peak"] / peak["peak"],
        }
        for name, peak in peaks.items()
    ]  # fmt: skip


def child(name: str) -> None:
    """Train for three steps and tell the peak of resident memory, in megabytes."""
    some = reviews(400)
    long = [at for at, text in enumerate(some.texts) if len(text.split()) > LONGEST][: TOKENS // LONGEST]
    part = some.pick(np.array(long))
    training = ours(part, method="lora" if name == "lora" else "full")
    rows = rows_of(training)
    assert all(len(row) == LONGEST for row, _ in rows)
    peer = None
    if name == "hf":
        del training
        peer = Peer(grouped=False)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
    for _ in range(3):
        if peer:
            peer.step(rows)
        else:
            training.move(training.epochs[0][0], RATE)
    print(json.dumps({"before": before, "peak": _status("VmHWM")}))


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024, 1)


PARTS = {"reviews": measure_reviews, "optimizer": measure_optimizer, "memory": measure_memory}


def main() -> None:
    torch.set_num_threads(min(THREADS, os.cpu_count() or 1))
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    asked = [word.removeprefix("--child=") for word in sys.argv[1:] if word.startswith("--child=")]
    if asked:
        child(asked[0])
        return
    parts = sys.argv[1:] or list(PARTS)
    for part in parts:
        write_record("finetuning", [{"part": part, **result} for result in PARTS[part]()])


if __name__ == "__main__":
    main()
