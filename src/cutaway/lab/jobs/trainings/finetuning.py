"""A fine-tuning that one watches: training and held-out loss, and the epoch from which it over-fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cutaway.finetuning.finetune import BASE, FinetuneSettings, finetune
from cutaway.finetuning.inputs import InputSettings
from cutaway.finetuning.lora import LoraSettings
from cutaway.lab.jobs.asked import FineTuning
from cutaway.lab.jobs.events import Teller
from cutaway.lab.jobs.trainings.texts import labelled_of
from cutaway.training.loop import Epoch, LoopSettings, Step
from cutaway.training.optimizer import OptimizerSettings
from cutaway.training.run_folder import SavingSettings, newest_position

HELD_OUT = 0.2
BATCH_TOKENS = 1024


def fine_tune(asked: FineTuning, teller: Teller, out: Path) -> dict[str, Any]:
    """Fine-tune.

    Args:
        asked: texts and settings.
        teller: of the job.
        out: takes the run's folder, which is called as the job is: the run is known by that name.

    Returns:
        The best epoch and its measures.
    """
    curves = ("training loss", "held-out loss", "held-out accuracy")
    teller.event("began", title=f"{BASE}, rank {asked.rank}, rate {asked.rate:g}", x="step", curves=curves)
    labelled = labelled_of(asked.data, asked.seed, out)
    done, examples, seconds = 0, 0, 0.0

    def listen(event: Step | Epoch, steps: int | None) -> None:
        nonlocal done, examples, seconds
        if isinstance(event, Step):
            done, examples, seconds = event.step, examples + event.examples, seconds + event.seconds
            teller.point("training loss", event.step, event.loss)
            teller.progress(event.step, steps, f"{examples / max(seconds, 1e-9):,.1f} texts/s")
            return
        told = event.validation
        teller.point("held-out loss", done, told["loss"])
        teller.point("held-out accuracy", done, told["accuracy"])
        teller.event(
            "epoch",
            epoch=event.epoch,
            step=done,
            training_loss=event.training_loss,
            best=event.best,
            **told,
        )

    folder = out / out.parent.name
    saving = SavingSettings(unfinished="resume" if newest_position(folder) else "refuse")
    run = finetune(labelled, settings=settings_of(asked), out=folder, listen=listen, saving=saving)
    return {
        "run": folder.name,
        "texts": len(labelled),
        "classes": labelled.classes,
        "epoch": run.history.best.epoch,
        **run.measures,
    }


def settings_of(asked: FineTuning) -> FinetuneSettings:
    """Return the library's settings for what the page asked.

    Args:
        asked: the page's.
    """
    return FinetuneSettings(
        held_out=HELD_OUT,
        batch_tokens=BATCH_TOKENS,
        inputs=InputSettings(max_tokens=asked.max_tokens),
        lora=LoraSettings(rank=asked.rank, alpha=2.0 * max(asked.rank, 1)),
        loop=LoopSettings(
            epochs=asked.epochs,
            patience=asked.epochs,
            seed=asked.seed,
            optimizer=OptimizerSettings(rate=asked.rate),
        ),
    )
