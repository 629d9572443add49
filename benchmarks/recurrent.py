"""Room 3 measured: our LSTM beside torch.nn.LSTM, and sequential layers beside a parallel one.

    python benchmarks/recurrent.py

Needs the data folder (CUTAWAY_DATA) for the lengths of real reviews.

Contenders take turns, batch by batch, and the order moves on, so that a busy moment strikes all of them
alike. A step is forward, loss, backward. On reviews all read the same words: the plain loop takes them in
the order given and pads each batch to its longest, or packs it as torch's documentation shows; ours sorts
them by length, fills batches by words, and reads each packed batch in runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_sequence

from cutaway.catalog.resolve import resolve
from cutaway.recurrent.attention_layer import AttentionLayer
from cutaway.recurrent.gru import GRU
from cutaway.recurrent.lstm import LSTM
from cutaway.recurrent.ragged import pack
from cutaway.recurrent.rnn import RNN
from cutaway.training.batches import token_budget_batches
from record import use_data_beside, write_record

WIDTH, HIDDEN = 50, 96
REVIEWS, LONGEST, PEER_BATCH, BUDGET = 256, 400, 32, 8192
LENGTHS, BATCH = (16, 64, 256, 512, 1024, 2048), 8
# Widths that give about 530,000 parameters over 256 inputs.
INPUTS = 256
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "RNN": lambda: RNN(INPUTS, 608),
    "GRU": lambda: GRU(INPUTS, 306),
    "LSTM": lambda: LSTM(INPUTS, 256),
    "attention": lambda: AttentionLayer(INPUTS, 200, heads=4),
}

Work = Callable[[], None]


@dataclass
class Clock:
    device: str

    def time(self, work: Work) -> float:
        self._wait()
        started = time.perf_counter()
        work()
        self._wait()
        return time.perf_counter() - started

    def in_turn(self, contenders: dict[str, Work], rounds: int) -> dict[str, list[float]]:
        """Time each contender once a round; the first round, which warms up, is not counted."""
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        names = list(contenders)
        for turn in range(rounds + 1):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                seconds[name].append(self.time(contenders[name]))
        return {name: times[1:] for name, times in seconds.items()}

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def step(layer: nn.Module, batches: Iterable[object]) -> None:
    for batch in batches:
        layer.zero_grad()
        read = layer(batch)
        states = read[0] if isinstance(read, tuple) else read
        values = states.data if isinstance(states, PackedSequence) else states
        values.square().mean().backward()


def full_batches(clock: Clock) -> dict[str, object]:
    """The same full batch through both."""
    torch.manual_seed(0)
    ours, theirs = LSTM(WIDTH, HIDDEN), nn.LSTM(WIDTH, HIDDEN, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(32, 200, WIDTH)
    contenders = {"ours": lambda: step(ours, [x]), "theirs": lambda: step(theirs, [x])}
    seconds = clock.in_turn(contenders, rounds=150)
    mine, peer = (statistics.median(seconds[name]) for name in ("ours", "theirs"))
    return {
        "work": "LSTM 50 to 96, one step on 32 x 200 words, median of 150", "seconds": mine,
        "words_per_second": 6400 / mine, "peer": "torch.nn.LSTM, same batch", "peer_seconds": peer,
        "ratio": peer / mine,
    }  # fmt: skip


def review_lengths() -> list[int]:
    path = resolve("imdb").files["test_half.parquet"]
    texts = pyarrow.parquet.read_table(path, columns=["text"])["text"].slice(0, REVIEWS).to_pylist()
    return [min(max(len(text.split()), 1), LONGEST) for text in texts]


def ragged_reviews(clock: Clock) -> list[dict[str, object]]:
    """Reviews of real lengths through both, all of them once a round."""
    torch.manual_seed(0)
    lengths = review_lengths()
    rows = [torch.randn(length, WIDTH) for length in lengths]
    ours, theirs = LSTM(WIDTH, HIDDEN), nn.LSTM(WIDTH, HIDDEN, batch_first=True)
    chunks = [rows[at : at + PEER_BATCH] for at in range(0, len(rows), PEER_BATCH)]
    sizes = [torch.tensor([len(row) for row in chunk]) for chunk in chunks]

    def sorted_and_packed() -> None:
        batches = token_budget_batches(lengths, budget=BUDGET, seed=0)
        step(ours, (pack([rows[n] for n in at]) for at in batches))

    def padded() -> None:
        step(theirs, (pad_sequence(chunk, batch_first=True) for chunk in chunks))

    def packed() -> None:
        whole = (pad_sequence(chunk, batch_first=True) for chunk in chunks)
        both = zip(whole, sizes, strict=True)
        step(theirs, (pack_padded_sequence(x, n, batch_first=True, enforce_sorted=False) for x, n in both))

    contenders = {"ours": sorted_and_packed, "padded": padded, "packed": packed}
    seconds = clock.in_turn(contenders, rounds=3)
    mine = statistics.median(seconds["ours"])
    return [
        {
            "work": f"LSTM 50 to 96, a step on each of {REVIEWS} reviews, {sum(lengths)} words",
            "seconds": mine, "words_per_second": sum(lengths) / mine,
            "peer": f"torch.nn.LSTM, batches of {PEER_BATCH} in the given order, {name}",
            "peer_seconds": statistics.median(seconds[name]),
            "ratio": statistics.median(seconds[name]) / mine,
        }
        for name in ("padded", "packed")
    ]  # fmt: skip


def against_length(clock: Clock, lengths: Sequence[int]) -> list[dict[str, object]]:
    """Tokens a second of each layer at each length, reading only and training."""
    torch.manual_seed(0)
    layers = {name: make().to(clock.device) for name, make in LAYERS.items()}
    results: list[dict[str, object]] = []
    for length in lengths:
        x = torch.randn(BATCH, length, INPUTS, device=clock.device)
        rounds = int(np.clip(2048 // length, 2, 15))

        def read(layer: nn.Module, x: Tensor = x) -> None:
            with torch.no_grad():
                layer(x)

        forward = clock.in_turn({n: lambda m=m: read(m) for n, m in layers.items()}, rounds)  # type: ignore[misc]
        both = clock.in_turn({n: lambda m=m, x=x: step(m, [x]) for n, m in layers.items()}, rounds)  # type: ignore[misc]
        for name, layer in layers.items():
            results.append({
                "work": f"{name}, {BATCH} sequences of {length}", "network": name, "length": length,
                "device": clock.device, "parameters": sum(p.numel() for p in layer.parameters()),
                "forward_tokens_per_second": BATCH * length / statistics.median(forward[name]),
                "training_tokens_per_second": BATCH * length / statistics.median(both[name]),
                "forward_seconds": forward[name], "training_seconds": both[name],
            })  # fmt: skip
    return results


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="of the lengths only")
    parser.add_argument("--longest", type=int, default=LENGTHS[-1])
    given = parser.parse_args()
    use_data_beside()
    torch.set_num_threads(min(given.threads, os.cpu_count() or 1))
    torch.set_flush_denormal(True)
    cpu = Clock("cpu")
    results = [full_batches(cpu), *ragged_reviews(cpu)]
    results += against_length(Clock(given.device), [n for n in LENGTHS if n <= given.longest])
    write_record("recurrent", results)


if __name__ == "__main__":
    main()
