"""A character language model learned while one watches: its loss, and what it writes after each epoch."""

from __future__ import annotations

import hashlib
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
    CONFIG,
    LanguageTask,
    load_language_model,
    split_text,
    symbols_of,
)
from cutaway.recurrent.language_training import LanguageTraining as Recipe
from cutaway.recurrent.sampling import SamplingSettings
from cutaway.training.loop import Epoch, Step, fit
from cutaway.training.optimizer import OptimizerSettings
from cutaway.training.run_folder import SavingSettings, newest_position, open_run

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
    task = LanguageTask(model, model.encode(learned), model.encode(scored), _recipe(asked, len(learned)), out)
    start, done = learned[0], 0

    def listen(event: Step | Epoch, steps: int | None) -> None:
        nonlocal done
        if isinstance(event, Step):
            done = event.step
            teller.point("training loss", done, event.loss)
            teller.progress(done, steps, f"{event.tokens / max(event.seconds, 1e-9):,.0f} characters/s")
            return
        held_out = event.validation["loss"]
        teller.point("held-out loss", done, held_out)
        teller.event("epoch", epoch=event.epoch, step=done, held_out=held_out)
        teller.event("snapshot", epoch=event.epoch, text=_written(model, start))

    saving = SavingSettings(unfinished="resume" if newest_position(out) else "refuse")
    with open_run(out, saving, mark=CONFIG):
        recipe = {"asked": asked.model_dump(mode="json"), "text": hashlib.sha256(text.encode()).hexdigest()}
        fit(task, task.settings.loop, listen, checkpoints=saving.checkpoints(out, recipe))
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
