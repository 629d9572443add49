"""`cutaway recurrent train-translator SOURCES TARGETS`: an encoder-decoder of gated units."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output
from cutaway.cli.resuming import RESUME_HELP, STEPS_HELP, resumable, run_folder, saving

if TYPE_CHECKING:
    from cutaway.finetuning.pretraining import ParallelSplit
    from cutaway.finetuning.translator_settings import TranslatorSettings
    from cutaway.finetuning.translator_training import TranslatorRun
    from cutaway.training.run_folder import SavingSettings


def train_translator(
    sources: Path = typer.Argument(help="Sentences in UTF-8, one a line."),
    targets: Path = typer.Argument(help="Their translations, line by line."),
    validation: list[Path] | None = typer.Option(
        None, help="Held-out sources' file, then (again) the targets'."
    ),
    held_out: float = typer.Option(0.05, help="Without --validation: share at the end that is only scored."),
    out: Path | None = typer.Option(None, help="The run folder; by default runs/<time>."),
    vocabulary: int = typer.Option(6000, help="Subwords of both languages together."),
    embedding: int = typer.Option(128, help="Numbers that stand for a subword."),
    encoder: int = typer.Option(128, help="Units of the encoder in each direction."),
    hidden: int = typer.Option(256, help="Units of the decoder."),
    layers: int = typer.Option(1, help="Layers of the encoder."),
    decoder: str = typer.Option("attention", help="attention, or context: one summary of the source."),
    attention: str = typer.Option("additive", help="How a state scores a source position: or dot, general."),
    dropout: float = typer.Option(0.3, help="Share of embeddings, states and readouts that training drops."),
    tokens: int = typer.Option(128, help="Subwords of a side, at most; longer pairs are left out."),
    batch_tokens: int = typer.Option(3000, help="Subwords of a batch, both sides together, at most."),
    smoothing: float = typer.Option(0.1, help="Of the answers."),
    average: int = typer.Option(3, help="Last epochs whose weights are averaged, if that scores better."),
    rate: float = typer.Option(3e-3, help="Peak learning rate."),
    warmup: float = typer.Option(0.05, help="Share of the steps over which the rate climbs."),
    decay: float = typer.Option(0.01, help="Weight decay."),
    epochs: int = typer.Option(12, help="Passes over the pairs, at most."),
    patience: int = typer.Option(3, help="Stop after so many epochs without a lower held-out loss."),
    seed: int = typer.Option(0, help="Of every random choice."),
    threads: int = typer.Option(0, help="Cores to use; 0 leaves the choice to torch."),
    resume: bool = typer.Option(False, "--resume", help=RESUME_HELP),
    save_steps: int | None = typer.Option(None, help=STEPS_HELP),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Train a recurrent translator; the weights that score best stay in the run folder."""
    from cutaway.cli.pretrain import use_threads
    from cutaway.finetuning.translator_settings import TranslatorSettings
    from cutaway.training.loop import LoopSettings
    from cutaway.training.optimizer import OptimizerSettings

    use_threads(threads)
    optimizer = OptimizerSettings(rate=rate, warmup=warmup, weight_decay=decay)
    settings = TranslatorSettings(
        vocabulary=vocabulary,
        embedding=embedding,
        encoder=encoder,
        hidden=hidden,
        layers=layers,
        decoder=decoder,  # type: ignore[arg-type]
        attention=attention,  # type: ignore[arg-type]
        dropout=dropout,
        tokens=tokens,
        batch_tokens=batch_tokens,
        smoothing=smoothing,
        average=average,
        loop=LoopSettings(epochs=epochs, patience=patience, seed=seed, optimizer=optimizer),
    )
    data = _read(sources, targets, validation or [], held_out)
    keeping, folder = saving(resume=resume, every=save_steps), run_folder(out, resume=resume)
    _tell(_train(data, settings, keeping, folder), json)


def _train(
    data: ParallelSplit, settings: TranslatorSettings, keeping: SavingSettings, folder: Path
) -> TranslatorRun:
    from cutaway.cli.progress import training_listener
    from cutaway.finetuning.translator_training import train_translator as train

    with resumable(folder), output.progress() as bars:
        listen = training_listener(bars, "training", unit="tokens")
        return train(data, settings, out=folder, listen=listen, saving=keeping)


def _tell(run: TranslatorRun, json: bool) -> None:
    if json:
        output.print_json({"run": str(run.folder), "loss": run.loss, "kept": run.kept})
        return
    told = f"held-out {run.loss:.4f} nats a token, {run.kept}"
    output.console().print(f"{told}\nrun: {run.folder}", soft_wrap=True)


def _read(sources: Path, targets: Path, validation: list[Path], held_out: float) -> ParallelSplit:
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.parallel_text import read_parallel
    from cutaway.finetuning.pretraining import ParallelSplit, split_pairs

    if len(validation) not in (0, 2):
        raise UsageError(f"--validation takes two files, sources and targets, not {len(validation)}")
    pairs = read_parallel(sources, targets)
    if not validation:
        return split_pairs(pairs, held_out)
    return ParallelSplit(training=pairs, held_out=read_parallel(*validation))
