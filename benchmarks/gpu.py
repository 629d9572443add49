"""Trainings on a GPU: the same numbers as on a processor, and how fast, beside HF's model in the same run.

    python benchmarks/gpu.py [agree] [reviews] [layers]

Needs a GPU that torch can use and the data folder (CUTAWAY_DATA). Each part that is named is measured anew,
the others stay in the day's record. The peer is that of benchmarks/finetuning.py, moved to the GPU: batches
of 8 in float32, the defaults of HF's Trainer, and once more in bfloat16, grouped by length. Contenders take
turns, epoch by epoch, after two that warm up and compile.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Two files beside this one have the names of packages that are measured: their folder comes last.
HERE = Path(__file__).resolve().parent
sys.path[:] = [*(part for part in sys.path if Path(part or ".").resolve() != HERE), str(HERE)]

import numpy as np  # noqa: E402
import torch  # noqa: E402

import finetuning as room  # noqa: E402
from cutaway.finetuning.inputs import InputSettings, rows_of  # noqa: E402
from cutaway.tokenization.tokenizer import Tokenizer  # noqa: E402
from cutaway.transformers.bert import Bert  # noqa: E402
from cutaway.transformers.packing import PackedBatch  # noqa: E402
from record import use_data_beside, write_record  # noqa: E402
from recurrent import LENGTHS, Clock, against_length  # noqa: E402

REVIEWS, EPOCHS, WARMING = 768, 5, 2


class GpuPeer(room.Peer):
    """HF's classifier and its batches on the GPU."""

    def __init__(self, *, grouped: bool, half: bool) -> None:
        super().__init__(grouped=grouped)
        self.half = half
        self.model.cuda()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=room.RATE, weight_decay=0.0, fused=True
        )

    def step(self, rows: room.Rows) -> None:
        ids = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row, _ in rows], batch_first=True)
        ids, labels = ids.cuda(), torch.tensor([label for _, label in rows]).cuda()
        with torch.autocast("cuda", torch.bfloat16, enabled=self.half):
            loss = self.model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()


def measure_reviews() -> list[dict[str, object]]:
    """Reviews a second while all parameters learn."""
    part = room.reviews(REVIEWS)
    rows = [(row, label) for row, label in room.rows_of(room.ours(part))]

    def ours(**choices: Any) -> Callable[[], None]:
        training = room.ours(part, device="cuda", **choices)
        return lambda: room.run_ours(training)

    def peer(**how: bool) -> Callable[[], None]:
        model = GpuPeer(**how)
        return lambda: model.epoch(rows)

    runs = {
        "HF Trainer's defaults": peer(grouped=False, half=False),
        "HF in bfloat16, grouped by length": peer(grouped=True, half=True),
        "all parameters, float32": ours(precision="float32"),
        "all parameters, bfloat16": ours(),
        "all parameters, bfloat16, compiled": ours(kernels="compiled"),
        "all parameters, bfloat16, batches of 16,384 tokens": ours(batch_tokens=16_384),
        "LoRA, rank 8, bfloat16": ours(method="lora"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(EPOCHS + WARMING):
        for name, run in runs.items():
            torch.cuda.synchronize()
            started = time.perf_counter()
            run()
            torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - started)
            if not turn:
                print(f"{name}: first epoch {seconds[name][0]:.1f} s", flush=True)
    middle = {name: statistics.median(times[WARMING:]) for name, times in seconds.items()}
    return [
        {
            "work": f"{REVIEWS} reviews cut at {room.LONGEST} tokens, {name}, median of {EPOCHS} epochs",
            "seconds": middle[name], "seconds_by_epoch": seconds[name],
            "reviews_per_second": REVIEWS / middle[name],
            "peer": "HF model, defaults of its Trainer", "peer_seconds": middle["HF Trainer's defaults"],
            "ratio": middle["HF Trainer's defaults"] / middle[name],
        }
        for name in runs
    ]  # fmt: skip


def measure_agreement() -> list[dict[str, object]]:
    """The largest difference between a GPU's numbers and a processor's, in float32."""
    texts = room.reviews(64).texts
    rows = rows_of(Tokenizer.load(room.BASE), texts, InputSettings(max_tokens=256, truncation="head"))
    found = {}
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        model = Bert.load(room.BASE).to(device).eval()
        batch = PackedBatch.from_rows(rows).to(device)
        pooled = batch.mean(model(batch))
        pooled.square().sum().backward()
        gradient = model.blocks[0].query.weight.grad
        found[device] = [part.detach().double().cpu() for part in (pooled, gradient)]
    pairs = list(zip(found["cpu"], found["cuda"], strict=True))
    moved = [float((here - there).abs().max()) for here, there in pairs]
    return [
        {
            "work": f"MiniLM on {len(rows)} reviews, {what}, float32, GPU against processor",
            "largest_difference": most, "largest_number": float(here.abs().max()),
        }
        for what, most, (here, _) in zip(("vectors", "first layer's gradients"), moved, pairs, strict=True)
    ]  # fmt: skip


def measure_layers() -> list[dict[str, object]]:
    """Sequential layers beside a parallel one, against length (room 3's benchmark, on the GPU)."""
    torch.backends.cuda.matmul.allow_tf32 = False
    return against_length(Clock("cuda"), LENGTHS)


PARTS = {"agree": measure_agreement, "reviews": measure_reviews, "layers": measure_layers}


def main() -> None:
    use_data_beside()
    gpu = torch.cuda.get_device_name()
    for part in sys.argv[1:] or list(PARTS):
        rows = [{"part": part, "gpu": gpu, **result} for result in PARTS[part]()]
        write_record("gpu", rows)


if __name__ == "__main__":
    np.random.seed(0)
    main()
