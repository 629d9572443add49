"""Fine-tuning: labelled texts and a pretrained encoder in, a run folder out."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from cutaway.core.files import write_text
from cutaway.core.home import runs_home
from cutaway.finetuning.classifier import Classifier, ClassifierSettings
from cutaway.finetuning.data import Labelled, Rows, read_labelled, split_rows
from cutaway.finetuning.finetune_settings import BASE, FinetuneSettings
from cutaway.finetuning.labelled_task import LabelledTask
from cutaway.finetuning.placing import place_of
from cutaway.finetuning.report import write_report
from cutaway.finetuning.run import Run
from cutaway.finetuning.runs.card import write_card
from cutaway.finetuning.runs.curves import write_history
from cutaway.finetuning.runs.evidence import evidence_of
from cutaway.finetuning.runs.labelled_plan import plan_of
from cutaway.finetuning.runs.page import write_page
from cutaway.finetuning.runs.predictions import write_answers
from cutaway.finetuning.runs.recorder import Plan, recording, settings_of
from cutaway.finetuning.saved import CONFIG
from cutaway.training.loop import Listener, fit
from cutaway.training.parallel import Group, joined
from cutaway.training.precision import training_precision
from cutaway.training.run_folder import SavingSettings, open_run

__all__ = ["BASE", "FinetuneSettings", "finetune", "prepared"]


def finetune(
    data: str | Path | Labelled,
    *,
    model: str = BASE,
    settings: FinetuneSettings | None = None,
    out: Path | None = None,
    listen: Listener | None = None,
    saving: SavingSettings | None = None,
) -> Run:
    """Train a classifier over a pretrained encoder and write its run folder.

    While it trains, the folder keeps checkpoints: what ended early, by whatever, goes on from the newest,
    to the same weights (on a CPU with one thread bit for bit). In a process that torchrun started the
    training is shared with the others: the first one writes, and all return the same measures.

    Args:
        data: a table's path, a catalog name, or labelled texts.
        model: the encoder: a catalog name or a checkpoint folder.
        settings: what differs from the defaults.
        out: the run folder; by default `runs/<time>`.
        listen: told of each step and each epoch.
        saving: how often a checkpoint is written, and whether an unfinished run of the folder goes on.

    Returns:
        The run: its folder, history and held-out measures.

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 4; Hu et al. 2021, arXiv:2106.09685.
    """
    chosen = settings or FinetuneSettings()
    folder = out or runs_home() / time.strftime("%Y%m%d-%H%M%S")
    keeping = saving or SavingSettings()
    training_precision(chosen.precision, place_of(chosen))  # what is not here is told before a run begins
    with joined() as group, open_run(folder, keeping, mark=CONFIG) if group.rank == 0 else nullcontext():
        labelled = data if isinstance(data, Labelled) else read_labelled(data)
        return _trained(labelled, (model, chosen), folder, listen, keeping, group)


def _trained(
    labelled: Labelled,
    chosen: tuple[str, FinetuneSettings],
    folder: Path,
    listen: Listener | None,
    saving: SavingSettings,
    group: Group,
) -> Run:
    """Train in a folder that the first process holds, which alone writes anything into it."""
    model, settings = chosen
    classifier, split = prepared(labelled, model, settings)
    settings = replace(settings, inputs=classifier.settings.inputs)
    plain = settings_of(settings, model=model)
    recipe = {"data": labelled.sha256, "base sha256": classifier.encoder.sha256, **plain}
    checkpoints = saving.checkpoints(folder, recipe)
    if group.rank:
        task = LabelledTask(classifier, labelled, split, settings, folder)
        history = fit(task, settings.loop, lambda event, steps: None, checkpoints=checkpoints, group=group)
        return Run(folder=folder, history=history, measures=dict(history.best.validation))
    plan = plan_of(labelled, split, folder=folder, settings=plain)
    with recording(plan, listen) as recorder:
        task = LabelledTask(classifier, labelled, split, settings, folder)
        write_text(folder / "settings.json", _settings_json(plan))
        history = fit(task, settings.loop, recorder.listener, checkpoints=checkpoints, group=group)
        run = Run(folder=folder, history=history, measures=dict(history.best.validation))
        recorder.measured(run.measures)
        write_history(folder, history)
        write_answers(folder, task.answers(labelled))
        write_report(run, labelled.pick(split[1]), task.best_probabilities, classifier.settings.labels)
    seen = evidence_of(recorder.record)
    write_page(seen)
    write_card(seen)
    return run


def prepared(
    labelled: Labelled, model: str, settings: FinetuneSettings
) -> tuple[Classifier, tuple[Rows, Rows]]:
    """Return a classifier as it is before its first step, and row numbers for training and held out.

    Args:
        labelled: the rows.
        model: the encoder.
        settings: seed, share held out, what learns.
    """
    count = settings.held_out if settings.held_out >= 1 else max(1, settings.held_out * len(labelled))
    split = split_rows(labelled.labels, held_out=round(count), seed=settings.loop.seed)
    torch.manual_seed(settings.loop.seed)
    chosen = ClassifierSettings(
        base=model,
        labels=tuple(labelled.classes),
        inputs=settings.inputs,
        lora=settings.lora,
        method=settings.method,
    )
    return Classifier.create(chosen), split


def _settings_json(plan: Plan) -> str:
    settings = {name: value for name, value in plan.settings.items() if name != "model"}
    fields = {
        "data": plan.data,
        "model": plan.settings["model"],
        "torch": str(torch.__version__),
        "settings": settings,
    }
    return json.dumps(fields, indent=2) + "\n"
