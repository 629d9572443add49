"""Room 4 measured: reviews and one sentence through MiniLM, beside HF transformers in the same run.

    python benchmarks/transformers.py

Needs the data folder (CUTAWAY_DATA).

Each slice of the reviews goes through every contender in turn, and the turn's order moves on from
slice to slice, so that a busy moment strikes all of them alike. Both read the same ids; what is timed
is ids to sentence embeddings: padding or packing, the model, mean pooling, length 1.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# This file has the name of the package that it measures against: its folder must not come first.
HERE = Path(__file__).resolve().parent
sys.path[:] = [part for part in sys.path if Path(part or ".").resolve() != HERE]

import numpy as np  # noqa: E402
import pyarrow.parquet  # noqa: E402
import torch  # noqa: E402

import transformers  # noqa: E402
from cutaway.catalog.resolve import resolve  # noqa: E402
from cutaway.tokenization.tokenizer import Tokenizer  # noqa: E402
from cutaway.training.batches import token_budget_batches  # noqa: E402
from cutaway.transformers.bert import Bert  # noqa: E402
from cutaway.transformers.packing import PackedBatch  # noqa: E402

THREADS = 2
REVIEWS, LONGEST, SLICE = 500, 256, 128
PEER_BATCH = 32
# Tokens in one of our batches: the hidden layer of 2,048 fits the caches.
BUDGET = 2048
SENTENCE = "The long and slow film kept me awake until the very end"

Row = np.ndarray[Any, Any]
Embed = Callable[[Sequence[Row]], torch.Tensor]


def ours(bert: Bert) -> Embed:
    def embed(rows: Sequence[Row]) -> torch.Tensor:
        out = torch.empty(len(rows), bert.config.width)
        for at in token_budget_batches([len(row) for row in rows], budget=BUDGET, seed=None):
            out[torch.from_numpy(at)] = bert.embed(PackedBatch.from_rows([rows[n] for n in at])).float()
        return out

    return embed


def theirs(bert: Any) -> Embed:
    """The usual pipeline: batches of 32 in the given order, padded to their longest row."""

    def embed(rows: Sequence[Row]) -> torch.Tensor:
        parts = []
        for start in range(0, len(rows), PEER_BATCH):
            batch = [torch.from_numpy(row) for row in rows[start : start + PEER_BATCH]]
            ids = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True)
            mask = (ids != 0).long()
            hidden = bert(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            parts.append(torch.nn.functional.normalize(mean, dim=-1))
        return torch.cat(parts)

    return embed


def half(embed: Embed) -> Embed:
    def embed_half(rows: Sequence[Row]) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return embed(rows)

    return embed_half


def in_turn(
    contenders: dict[str, Embed], slices: Sequence[Sequence[Row]]
) -> tuple[dict[str, list[float]], dict[str, torch.Tensor]]:
    """Give every slice to every contender; return seconds a slice and the embeddings."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    answers: dict[str, list[torch.Tensor]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn, rows in enumerate(slices):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = time.perf_counter()
            answers[name].append(contenders[name](rows))
            seconds[name].append(time.perf_counter() - started)
    return seconds, {name: torch.cat(parts) for name, parts in answers.items()}


def reviews(contenders: dict[str, Embed], rows: Sequence[Row]) -> list[dict[str, object]]:
    for embed in contenders.values():
        embed(rows[:8])  # the first call sets up threads and memory
    slices = [rows[start : start + SLICE] for start in range(0, len(rows), SLICE)]
    seconds, answers = in_turn(contenders, slices)
    peer = sum(seconds["HF float32"])
    return [
        {
            "work": f"{len(rows)} reviews cut at {LONGEST} tokens, {name}",
            "seconds": sum(seconds[name]), "seconds_by_slice": seconds[name],
            "reviews_per_second": len(rows) / sum(seconds[name]),
            "peer": "HF transformers float32, padded batches of 32",
            "peer_seconds": peer, "ratio": peer / sum(seconds[name]),
            "largest_difference_of_an_embedding": float((answers[name] - answers["HF float32"]).abs().max()),
        }
        for name in contenders
    ]  # fmt: skip


def sentence(contenders: dict[str, Embed], row: Row, runs: int = 60) -> dict[str, object]:
    names = ("float32", "HF float32")
    seconds, _ = in_turn({name: contenders[name] for name in names}, [[row]] * (runs + 10))
    mine, peer = (statistics.median(seconds[name][10:]) for name in names)
    return {
        "work": "one 12-word sentence, ids to embedding, median", "seconds": mine,
        "peer": "HF transformers float32", "peer_seconds": peer, "ratio": peer / mine,
    }  # fmt: skip


def traced(bert: Bert, row: Row, runs: int = 20) -> dict[str, object]:
    """A forward pass with everything kept, beside the fast one."""
    work: dict[str, Embed] = {
        "open": lambda rows: torch.from_numpy(bert.trace(rows[0])["sentence"][None].copy()),
        "fast": ours(bert),
    }
    seconds, _ = in_turn(work, [[row]] * (runs + 3))
    mine, fast = (statistics.median(seconds[name][3:]) for name in ("open", "fast"))
    return {
        "work": f"trace of {len(row)} tokens, everything kept, median", "seconds": mine,
        "peer": "our own fast path", "peer_seconds": fast, "ratio": fast / mine,
    }  # fmt: skip


def read_rows() -> list[Row]:
    table = pyarrow.parquet.read_table(resolve("imdb").files["test_half.parquet"], columns=["text"])
    tokenizer = Tokenizer.load("all-MiniLM-L6-v2")
    batch = tokenizer.encode_batch(table["text"].slice(0, REVIEWS).to_pylist())
    # [CLS] and what fits, then [SEP], as every BERT pipeline cuts.
    return [
        np.concatenate([row[: LONGEST - 1], row[-1:]]).astype(np.int64)
        if len(row) > LONGEST
        else row.astype(np.int64)
        for row in batch
    ]


def main() -> None:
    torch.set_num_threads(min(THREADS, os.cpu_count() or 1))
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    bert = Bert.load("all-MiniLM-L6-v2")
    peer = transformers.BertModel.from_pretrained(resolve("all-MiniLM-L6-v2").folder).eval()
    contenders = {
        "float32": ours(bert),
        "HF float32": theirs(peer),
        "bfloat16": half(ours(bert)),
        "HF bfloat16": half(theirs(peer)),
    }
    tokenizer = Tokenizer.load("all-MiniLM-L6-v2")
    one = np.array(tokenizer.encode(SENTENCE).ids)
    with torch.inference_mode():
        results = reviews(contenders, read_rows())
        results += [sentence(contenders, one), traced(bert, np.tile(one, 3)[:32])]
    sys.path.append(str(HERE))
    from record import write_record

    write_record("transformers", results)


if __name__ == "__main__":
    main()
