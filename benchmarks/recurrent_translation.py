"""A trained translator scored: the length penalty chosen on val, test2016 translated once.

    cutaway recurrent train-translator train.en train.de --validation val.en --validation val.de \\
        --vocabulary 5000 --dropout 0.25 --batch-tokens 2400 --rate 0.0025 --epochs 10 --patience 10 \\
        --threads 1 --out runs/translator
    python benchmarks/recurrent_translation.py runs/translator

Needs the data folder (CUTAWAY_DATA) with multi30k, and sacrebleu.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import sacrebleu
import torch

from cutaway.finetuning.translator import Translator
from record import use_data_beside, write_record

ALPHAS = (0.6, 0.8, 1.0, 1.2)
COMMAND = (
    "cutaway recurrent train-translator train.en train.de --validation val.en --validation val.de "
    "--vocabulary 5000 --dropout 0.25 --batch-tokens 2400 --rate 0.0025 --epochs 10 --patience 10 --threads 1"
)


def lines(folder: Path, name: str, limit: int | None = None) -> list[str]:
    return (folder / name).read_text(encoding="utf-8").splitlines()[:limit]


def bleu(
    translator: Translator, pairs: tuple[list[str], list[str]], alpha: float
) -> sacrebleu.metrics.bleu.BLEUScore:
    """Case and punctuation count: sacrebleu's defaults on whole sentences."""
    found = translator.translate(pairs[0], beam=5, alpha=alpha)
    return sacrebleu.corpus_bleu([answer.text for answer in found], [pairs[1]])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--choose-on", type=int, default=300, help="so many pairs of val, the first ones")
    parser.add_argument("--note", action="append", default=[], help="NAME=TEXT, put into the record")
    given = parser.parse_args()
    use_data_beside()
    torch.set_num_threads(given.threads)
    folder = Path(os.environ["CUTAWAY_DATA"].split(":")[0]) / "multi30k"
    translator = Translator.load(given.run)
    held = (lines(folder, "val.en", given.choose_on), lines(folder, "val.de", given.choose_on))
    tried = {alpha: bleu(translator, held, alpha).score for alpha in ALPHAS}
    best = max(tried, key=lambda alpha: tried[alpha])
    started = time.perf_counter()
    scored = bleu(translator, (lines(folder, "test2016.en"), lines(folder, "test2016.de")), best)
    seconds = time.perf_counter() - started
    history = json.loads((given.run / "history.json").read_text(encoding="utf-8"))
    settings = json.loads((given.run / "settings.json").read_text(encoding="utf-8"))
    lowest = min(history["epochs"], key=lambda epoch: epoch["validation"]["loss"])
    result = {
        "work": "GRU with additive attention, Multi30k English to German, test2016, beam 5",
        "command": COMMAND,
        "bleu": scored.score,
        "bleu_detail": str(scored),
        "metric": "sacrebleu 13a, cased, detokenized",
        "length_penalty_alpha": best,
        "chosen_on": f"val, the first {given.choose_on} pairs: BLEU by alpha {tried}",
        "scored": "once",
        "translating_seconds": seconds,
        # A training that is not over has told neither.
        "weights": history.get("kept", f"epoch {lowest['epoch']}"),
        "held_out_nats": history.get("loss", lowest["validation"]["loss"]),
        "parameters": settings["parameters"],
        "threads": settings["threads"],
        "training_seconds": sum(epoch["seconds"] for epoch in history["epochs"]),
        **dict(note.split("=", 1) for note in given.note),
        "curve": [
            {
                "epoch": epoch["epoch"],
                "training_nats": epoch["training_loss"],
                "held_out_nats": epoch["validation"]["loss"],
                "seconds": epoch["seconds"],
            }
            for epoch in history["epochs"]
        ],
    }
    write_record("recurrent-translation", [result])


if __name__ == "__main__":
    main()
