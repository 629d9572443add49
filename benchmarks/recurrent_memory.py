"""Who remembers how far: the adding problem and the copy task for RNN, GRU, LSTM and attention.

    python benchmarks/recurrent_memory.py

Every network has about the same number of parameters, sees the same sequences in the same order, and is
trained as long as every other: at most 3,000 batches of 64, by Adam with gradients clipped at norm 1.
Sequences are drawn afresh, so that nothing can be learned by heart; the score is that of 2,000 new ones.
Each network is trained at two learning rates; the record tells both and the best. After each
training the progress file is written, and a second start goes on behind what it holds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cutaway.recurrent.attention_layer import AttentionLayer
from cutaway.recurrent.gru import GRU
from cutaway.recurrent.lstm import LSTM
from cutaway.recurrent.memory_tasks import MemoryTask
from cutaway.recurrent.rnn import RNN
from record import write_record

# Widths that give about 17,000 parameters each over ten inputs.
NETWORKS = {"RNN": (RNN, 124), "GRU": (GRU, 70), "LSTM": (LSTM, 60), "attention": (AttentionLayer, 36)}
RATES = (3e-3, 1e-2)
STEPS, BATCH, SCORED = 3000, 64, 2000
DISTANCES = {"adding": (10, 30, 100), "copy": (10, 30, 100)}


class Network(nn.Module):
    """A layer, and a line that reads its state at the steps where an answer is wanted."""

    def __init__(self, name: str, task: MemoryTask) -> None:
        super().__init__()
        kind, width = NETWORKS[name]
        self.layer: nn.Module = kind(task.inputs, width)
        self.head = nn.Linear(width, task.outputs)
        self.answers = task.answers

    def forward(self, x: Tensor) -> Tensor:
        read = self.layer(x)
        states = read[0] if isinstance(read, tuple) else read
        given: Tensor = self.head(states[:, -self.answers :])
        return given


def score(network: Network, task: MemoryTask) -> dict[str, float]:
    random = torch.Generator().manual_seed(999)
    with torch.no_grad():
        x, wanted = task.batch(SCORED, random)
        given = torch.cat([network(part) for part in x.split(250)])
        return {"accuracy": task.accuracy(given, wanted), "loss": float(task.loss(given, wanted))}


def train(name: str, task: MemoryTask, rate: float) -> dict[str, object]:
    torch.manual_seed(0)
    network, random = Network(name, task), torch.Generator().manual_seed(1)
    adam = torch.optim.Adam(network.parameters(), lr=rate)
    started, curve = time.perf_counter(), []
    for step in range(1, STEPS + 1):
        x, wanted = task.batch(BATCH, random)
        loss = task.loss(network(x), wanted)
        if not torch.isfinite(loss):
            break
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        if step % 250 == 0:
            measures = score(network, task)
            curve.append({"step": step, **{key: round(value, 5) for key, value in measures.items()}})
            if measures["accuracy"] > 0.999:
                break
    return {
        "task": task.name,
        "distance": task.distance,
        "network": name,
        "parameters": sum(p.numel() for p in network.parameters()),
        "rate": rate,
        "steps": step,
        "seconds": round(time.perf_counter() - started, 1),
        **score(network, task),
        "curve": curve,
    }


def best(runs: list[dict[str, Any]]) -> list[dict[str, object]]:
    """For each task, distance and network: the learning rate that did best, and what the others did."""
    found: list[dict[str, object]] = []
    for _, group in itertools.groupby(runs, key=lambda run: (run["task"], run["distance"], run["network"])):
        tried = list(group)
        top = max(tried, key=lambda run: (run["accuracy"], -run["loss"]))
        rest = [{key: run[key] for key in ("rate", "steps", "accuracy", "loss", "curve")} for run in tried]
        work = f"{top['task']}, {top['distance']} steps, {top['network']}"
        kept = ("task", "distance", "network", "parameters", "rate", "steps", "accuracy", "loss")
        found.append({"work": work, **{key: top[key] for key in kept}, "runs": rest})
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--progress", type=Path, default=Path("recurrent_memory_progress.json"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--task", choices=list(DISTANCES), help="only this one, and no record")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    # Gradients that vanish become denormal numbers, on which this processor is several times slower.
    torch.set_flush_denormal(True)
    runs = json.loads(given.progress.read_text()) if given.progress.exists() else []
    seen = {(run["task"], run["distance"], run["network"], run["rate"]) for run in runs}
    for name in [given.task] if given.task else DISTANCES:
        for distance, network, rate in itertools.product(DISTANCES[name], NETWORKS, RATES):
            if (name, distance, network, rate) not in seen:
                runs.append(train(network, MemoryTask(name=name, distance=distance), rate))
                part = given.progress.with_suffix(".part")
                part.write_text(json.dumps(runs, indent=1))
                part.replace(given.progress)
                shown = {key: value for key, value in runs[-1].items() if key != "curve"}
                print(shown, file=sys.stderr, flush=True)
    if not given.task:
        write_record("recurrent-memory", best(runs))


if __name__ == "__main__":
    main()
