"""`cutaway finetune DATA`: labelled texts in, a run folder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cutaway.cli import finetune_options as options
from cutaway.cli import output
from cutaway.cli.resuming import resumable, run_folder, saving
from cutaway.cli.together import one_process_only, speaks

if TYPE_CHECKING:
    from cutaway.finetuning.data import Labelled
    from cutaway.finetuning.finetune import FinetuneSettings
    from cutaway.finetuning.run import Run
    from cutaway.training.run_folder import SavingSettings


def finetune(
    data: options.Data,
    text: options.Text = None,
    label: options.Label = None,
    model: options.Model = "all-MiniLM-L6-v2",
    out: options.Out = None,
    method: options.Learns = "lora",
    rank: options.Rank = 8,
    rate: options.Rate = None,
    schedule: options.Schedule = "linear",
    warmup: options.Warmup = 0.06,
    weight_decay: options.Decay = 0.01,
    layer_decay: options.LayerDecay = 1.0,
    unfreeze: options.Unfreeze = "all",
    clip: options.Clip = 1.0,
    accumulate: options.Accumulate = 1,
    smoothing: options.Smoothing = 0.0,
    class_weights: options.Weights = "none",
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    compiled: options.Compile = False,
    epochs: options.Epochs = 3,
    patience: options.Patience = 2,
    best_by: options.BestBy = "loss",
    held_out: options.HeldOut = 0.1,
    limit: options.Limit = None,
    duplicates: options.Duplicates = "keep",
    undecodable: options.Undecodable = "strict",
    max_tokens: options.MaxTokens = 256,
    truncation: options.Truncation = "head+tail",
    batch_tokens: options.BatchTokens = 4096,
    seed: options.Seed = 0,
    find_rate: options.FindRate = False,
    sweep: options.Sweep = None,
    trials: options.Trials = 20,
    baseline: options.Baseline = None,
    resume: options.Resume = False,
    save_steps: options.SaveSteps = None,
    json: options.Json = False,
) -> None:
    """Fine-tune a pretrained encoder on labelled texts."""
    from cutaway.cli.baselines import compare_baselines
    from cutaway.cli.rate_curve import find_rate as look_for_rate
    from cutaway.cli.sweep import run_sweep
    from cutaway.cli.training_data import tell_of_data

    settings, keeping = _settings(locals()), saving(resume=resume, every=save_steps)
    labelled = _read(locals())
    if speaks() and baseline is None:
        tell_of_data(labelled, model, settings)
    if baseline is not None:
        compare_baselines(labelled, baseline, model, settings, json=json)
    elif find_rate:
        look_for_rate(labelled, model, settings, json=json)
    elif sweep:
        run_sweep(labelled, model, settings, asked=(sweep, trials), out=out, json=json)
    else:
        _tell(_trained(labelled, model, settings, run_folder(out, resume=resume), keeping), json)


def _read(told: dict[str, Any]) -> Labelled:
    """The rows that the options name; what cannot be shared is refused where processes train together."""
    from cutaway.cli.training_data import read_for_training

    alone = {f"--{name.replace('_', '-')}": told[name] for name in ("find_rate", "sweep", "baseline")}
    alone["standard input"] = told["data"] == "-"
    for name in (name for name, asked in alone.items() if asked):
        one_process_only(name)
    return read_for_training(
        told["data"],
        columns=(told["text"], told["label"]),
        undecodable=told["undecodable"],
        duplicates=told["duplicates"],
        drawn=(told["limit"], told["seed"]),
    )


def _trained(
    labelled: Labelled, model: str, settings: FinetuneSettings, folder: Path, keeping: SavingSettings
) -> Run:
    from cutaway.cli.progress import training_listener
    from cutaway.finetuning.finetune import finetune as train

    with resumable(folder), output.progress() as bars:
        listen = training_listener(bars, "fine-tuning")
        return train(labelled, model=model, settings=settings, out=folder, listen=listen, saving=keeping)


def _settings(told: dict[str, Any]) -> FinetuneSettings:
    """The settings that the options name."""
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.finetune_settings import RATES, FinetuneSettings
    from cutaway.finetuning.inputs import InputSettings
    from cutaway.finetuning.lora import LoraSettings
    from cutaway.training.loop import LoopSettings
    from cutaway.training.optimizer import OptimizerSettings

    def some(*names: str) -> dict[str, Any]:
        return {name: told[name] for name in names}

    method, rank, rate = told["method"], told["rank"], told["rate"]
    if method not in RATES:
        raise UsageError(f"--method is {method!r}: choose one of {list(RATES)}")
    optimizer = OptimizerSettings(
        rate=RATES[method] if rate is None else rate,
        **some("schedule", "warmup", "weight_decay", "layer_decay", "clip"),
    )
    loop = LoopSettings(
        optimizer=optimizer,
        unfreezing=told["unfreeze"],
        **some("epochs", "patience", "best_by", "accumulate", "seed"),
    )
    return FinetuneSettings(
        inputs=InputSettings(**some("max_tokens", "truncation")),
        lora=LoraSettings(rank=rank, alpha=2.0 * max(rank, 1)),
        loop=loop,
        kernels="compiled" if told["compiled"] else "eager",
        **some("method", "held_out", "batch_tokens", "precision", "device", "smoothing", "class_weights"),
    )


def _tell(run: Run, json: bool) -> None:
    if json:
        output.print_json({"run": str(run.folder), "epoch": run.history.best.epoch, **run.measures})
        return
    console = output.console()
    console.print(
        f"held-out accuracy {run.measures['accuracy']:.2%}, loss {run.measures['loss']:.4f} nats, "
        f"best epoch {run.history.best.epoch}",
        soft_wrap=True,
    )
    console.print(
        f"run: {run.folder}  (report.html; cutaway runs explain {run.folder}; "
        f'cutaway predict {run.folder} "TEXT")',
        soft_wrap=True,
    )
