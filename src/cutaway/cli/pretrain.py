"""`cutaway pretrain DATA`: text without labels in, a checkpoint folder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cutaway.cli import finetune_options as options
from cutaway.cli import output
from cutaway.cli.resuming import RESUME_HELP, STEPS_HELP, resumable, run_folder, saving

if TYPE_CHECKING:
    from cutaway.finetuning.corpus import Corpus
    from cutaway.finetuning.pretraining import ParallelSplit, PretrainedRun
    from cutaway.finetuning.pretraining_settings import PretrainSettings, SizeSettings
    from cutaway.training.run_folder import SavingSettings

DATA_HELP = "Text files, tables or folders; for translation the sources' and the targets' file."
OBJECTIVE_HELP = "causal, masked-words, next-sentence, distillation or translation."
START_HELP = "Go on from a checkpoint, by name or folder; distillation's teacher."
SIZE_HELP = "A fresh model: LAYERSxWIDTH, such as 4x256, or LAYERSxWIDTHxHEADSxFEEDFORWARD."
VALIDATION_HELP = "For translation: held-out sources' file, then (again) the targets'."


def pretrain(
    data: list[str] = typer.Argument(help=DATA_HELP),
    objective: str = typer.Option("causal", help=OBJECTIVE_HELP),
    start: str | None = typer.Option(None, "--from", help=START_HELP),
    size: str | None = typer.Option(None, help=SIZE_HELP),
    vocabulary: int = typer.Option(8000, help="Tokens that a fresh model's tokenizer learns."),
    dropout: float = typer.Option(0.1, help="Share of each part's output that a fresh model drops."),
    out: Path | None = typer.Option(None, help="The run folder; by default runs/<time>."),
    column: str = typer.Option("text", help="The column of texts in tables."),
    limit: int | None = typer.Option(None, help="Use so many documents only, the first ones."),
    validation: list[str] | None = typer.Option(None, help=VALIDATION_HELP),
    held_out: float = typer.Option(0.1, help="Share at the end of the text that is only scored."),
    tokens: int = typer.Option(128, help="Tokens of a row, at most."),
    batch_tokens: int = typer.Option(4096, help="Tokens of a batch, at most."),
    train: str = typer.Option("all", help="all, or head: masked words over a body that stays as it is."),
    unit: str = typer.Option("token", help="What masked words hide: token, or word with all its pieces."),
    smoothing: float = typer.Option(0.1, help="Of the answers in translation."),
    rate: float = typer.Option(1e-3, help="Peak learning rate."),
    warmup: float = typer.Option(0.06, help="Share of the steps over which the rate climbs."),
    decay: float = typer.Option(0.01, help="Weight decay."),
    schedule: options.Schedule = "linear",
    clip: options.Clip = 1.0,
    accumulate: options.Accumulate = 1,
    epochs: int = typer.Option(10, help="Passes over the text, at most."),
    patience: int = typer.Option(3, help="Stop after so many epochs without a lower held-out loss."),
    precision: str = typer.Option("auto", help="Of the products: auto, float32 or bfloat16."),
    device: options.Device = "auto",
    compiled: options.Compile = False,
    seed: int = typer.Option(0, help="Of every random choice."),
    threads: int = typer.Option(0, help="Cores to use; 0 leaves the choice to torch."),
    resume: bool = typer.Option(False, "--resume", help=RESUME_HELP),
    save_steps: int | None = typer.Option(None, help=STEPS_HELP),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Train a model on text without labels: from nothing, or on from a checkpoint."""
    begin = _begin(start, size, dropout=dropout, vocabulary=vocabulary)
    use_threads(threads)
    settings = _settings(locals())
    read = _read(data, objective, validation=validation or [], column=column, limit=limit, held_out=held_out)
    keeping, folder = saving(resume=resume, every=save_steps), run_folder(out, resume=resume)
    _tell(_train(read, begin, settings, keeping, folder), json)


def _settings(told: dict[str, Any]) -> PretrainSettings:
    """The settings that the options name."""
    from cutaway.finetuning.pretraining_settings import PretrainSettings
    from cutaway.training.loop import LoopSettings
    from cutaway.training.optimizer import OptimizerSettings
    from cutaway.transformers.pretraining.masking import MaskingSettings

    def some(*names: str) -> dict[str, Any]:
        return {name: told[name] for name in names}

    optimizer = OptimizerSettings(weight_decay=told["decay"], **some("rate", "warmup", "schedule", "clip"))
    return PretrainSettings(
        trained=told["train"],
        kernels="compiled" if told["compiled"] else "eager",
        masking=MaskingSettings(unit=told["unit"]),
        loop=LoopSettings(optimizer=optimizer, **some("epochs", "patience", "seed", "accumulate")),
        **some("objective", "precision", "device", "tokens", "batch_tokens", "held_out", "smoothing"),
    )


def _begin(start: str | None, size: str | None, *, dropout: float, vocabulary: int) -> str | SizeSettings:
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.pretraining_settings import SizeSettings

    if (start is None) == (size is None):
        both = "" if start is None else f", not both ({start}, {size})"
        raise UsageError(
            f"name where to begin: --from MODEL to go on from a checkpoint, or --size for a fresh one{both}"
        )
    return start or SizeSettings.parse(str(size), dropout=dropout, vocabulary=vocabulary)


def _train(
    read: Corpus | ParallelSplit,
    begin: str | SizeSettings,
    settings: PretrainSettings,
    keeping: SavingSettings,
    folder: Path,
) -> PretrainedRun:
    from cutaway.cli.progress import training_listener
    from cutaway.finetuning.pretraining import pretrain as train_on

    with resumable(folder), output.progress() as bars:
        listen = training_listener(bars, settings.objective, unit="tokens")
        return train_on(read, start=begin, settings=settings, out=folder, listen=listen, saving=keeping)


def use_threads(threads: int) -> None:
    """Let torch use so many cores; 0 leaves the choice to it.

    Raises:
        UsageError: below 0.
    """
    import torch

    from cutaway.core.errors import UsageError

    if threads < 0:
        raise UsageError(f"threads is {threads}: 1 or more, or 0 for torch's choice")
    if threads:
        torch.set_num_threads(threads)


def _read(
    data: list[str],
    objective: str,
    *,
    validation: list[str],
    column: str,
    limit: int | None,
    held_out: float,
) -> Corpus | ParallelSplit:
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.corpus import read_corpus

    if objective == "translation":
        return _read_pairs(data, validation, held_out)
    if validation:
        raise UsageError("--validation is for translation: of text, --held-out takes the end")
    return read_corpus(data, column=column, limit=limit)


def _read_pairs(data: list[str], validation: list[str], held_out: float) -> ParallelSplit:
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.parallel_text import read_parallel
    from cutaway.finetuning.pretraining import ParallelSplit, split_pairs

    if len(data) != 2 or len(validation) not in (0, 2):
        raise UsageError(
            f"translation reads two files, sources and targets, not {len(data)}; and two for --validation, "
            f"not {len(validation)}"
        )
    pairs = read_parallel(Path(data[0]), Path(data[1]))
    if not validation:
        return split_pairs(pairs, held_out)
    return ParallelSplit(training=pairs, held_out=read_parallel(Path(validation[0]), Path(validation[1])))


def _tell(run: PretrainedRun, json: bool) -> None:
    best = run.history.best
    if json:
        start = {"start": run.start} if run.start else {}
        output.print_json({"run": str(run.folder), "epoch": best.epoch, **start, **best.validation})
        return
    before = f" (before training {run.start['loss']:.4f})" if run.start else ""
    others = "".join(f", {name} {value:.4f}" for name, value in best.validation.items() if name != "loss")
    output.console().print(
        f"held-out loss {best.validation['loss']:.4f} nats{before}{others}, best epoch {best.epoch}\n"
        f"run: {run.folder}",
        soft_wrap=True,
    )
