"""A character language model learned while one watches: its loss, and what it writes after each epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from cutaway.core.errors import DataError
from cutaway.core.text import scrub
from cutaway.lab.jobs.asked import LanguageTraining
from cutaway.lab.jobs.events import Teller
from cutaway.lab.jobs.trainings.texts import texts_of
from cutaway.recurrent.language import LanguageModel, LanguageSettings, bits
from cutaway.recurrent.language_training import (
    RESUME,
    LanguageRun,
    Progress,
    load_language_model,
    split_text,
    symbols_of,
)
from cutaway.recurrent.language_training import LanguageTraining as Recipe
from cutaway.recurrent.sampling import SamplingSettings
from cutaway.training.optimizer import OptimizerSettings

LEAST, HELD_OUT = 400, 0.1
WRITTEN = 240
SAMPLING = SamplingSettings(temperature=0.8)


def train_language(asked: LanguageTraining, teller: Teller, out: Path) -> dict[str, Any]:
    """Learn to write.

    Args:
        asked: text and settings.
        teller: of the job.
        out: takes the model of the best epoch, and a checkpoint.

    Returns:
        The held-out loss, the same in bits, and a text that the best model wrote.

    Raises:
        DataError: the text is too short to learn from.
    """
    text = "\n".join(texts_of(asked.data, asked.seed)) if asked.data.text is None else scrub(asked.data.text)
    if len(text) < LEAST:
        raise DataError(f"the text has {len(text)} characters: give {LEAST} or more to learn from")
    teller.event(
        "began", title=f"LSTM of {asked.hidden} units", x="step", curves=("training loss", "held-out loss")
    )
    learned, scored = split_text(text, HELD_OUT)
    shape = LanguageSettings(symbols="".join(symbols_of(text)), embedding=32, hidden=asked.hidden, layers=1)
    torch.manual_seed(asked.seed)
    model = LanguageModel(shape)
    run = LanguageRun(model, model.encode(learned), model.encode(scored), _recipe(asked, len(learned)))
    start = learned[0]

    def listen(progress: Progress) -> None:
        teller.point("training loss", progress.step, progress.loss)
        speed = progress.characters / max(progress.seconds, 1e-9)
        teller.progress(progress.step, progress.of, f"{speed:,.0f} characters/s")
        if progress.held_out is not None:
            teller.point("held-out loss", progress.step, progress.held_out)
            epoch = progress.step // run.per_epoch
            teller.event("epoch", epoch=epoch, step=progress.step, held_out=progress.held_out)
            teller.event("snapshot", epoch=epoch, text=_written(model, start))

    if (out / RESUME).is_file():
        run.resume(out)
    run.go(out, listen)
    best = load_language_model(out)
    nats = best.nats(model.encode(scored))
    return {"loss": nats, "bits": bits(nats), "symbols": shape.size, "text": _written(best, start)}


def _recipe(asked: LanguageTraining, length: int) -> Recipe:
    """Return settings that fit the text: few streams for a short one."""
    steps = 64 if length > 8_000 else 24
    streams = max(1, min(32, length // (8 * steps)))
    optimizer = OptimizerSettings(rate=asked.rate, warmup=0.02)
    return Recipe(
        streams=streams,
        steps=steps,
        epochs=asked.epochs,
        seed=asked.seed,
        scoring_streams=1,
        optimizer=optimizer,
    )


def _written(model: LanguageModel, start: str) -> str:
    """Let the model write; training goes on with the numbers that it would have drawn."""
    text = start + "".join(model.generate(start, WRITTEN, SAMPLING))
    model.train()
    return text
