"""`cutaway finetune DATA`: labelled texts in, a run folder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output
from cutaway.cli.resuming import RESUME_HELP, STEPS_HELP, resumable, run_folder, saving

if TYPE_CHECKING:
    from cutaway.finetuning.run import Run


def finetune(
    data: str = typer.Argument(
        help="A .csv, .tsv, .jsonl, .parquet or .arrow file, a folder per class, - for standard input, a "
        "catalog name such as imdb, or hub:owner/name."
    ),
    text: str | None = typer.Option(None, help="The column of texts; found if not given."),
    label: str | None = typer.Option(None, help="The column of labels; found if not given."),
    model: str = typer.Option("all-MiniLM-L6-v2", help="The encoder: a catalog name or a checkpoint folder."),
    out: Path | None = typer.Option(None, help="The run folder; by default runs/<time>."),
    rank: int = typer.Option(8, help="Rank of the LoRA adapters; 0 trains the head alone."),
    rate: float = typer.Option(5e-4, help="Peak learning rate."),
    epochs: int = typer.Option(3, help="Epochs, at most."),
    patience: int = typer.Option(2, help="Stop after so many epochs without a lower held-out loss."),
    held_out: float = typer.Option(0.1, help="Rows held out: a count, or a share below 1."),
    limit: int | None = typer.Option(None, help="Use so many rows only, drawn by the seed."),
    duplicates: str = typer.Option("keep", help="Rows that repeat an earlier text: keep or drop."),
    undecodable: str = typer.Option("strict", help="Bytes that are not UTF-8: strict, or replace and count."),
    max_tokens: int = typer.Option(256, help="Tokens read of a text, at most."),
    truncation: str = typer.Option("head+tail", help="What is read of a longer text: head, tail, head+tail."),
    batch_tokens: int = typer.Option(4096, help="Tokens in a training batch, at most."),
    seed: int = typer.Option(0, help="Of every random choice."),
    resume: bool = typer.Option(False, "--resume", help=RESUME_HELP),
    save_steps: int | None = typer.Option(None, help=STEPS_HELP),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Fine-tune a pretrained encoder on labelled texts."""
    from cutaway.cli.progress import training_listener
    from cutaway.cli.training_data import read_for_training, tell_of_data
    from cutaway.finetuning.finetune import FinetuneSettings
    from cutaway.finetuning.finetune import finetune as train
    from cutaway.finetuning.inputs import InputSettings
    from cutaway.finetuning.lora import LoraSettings
    from cutaway.training.loop import LoopSettings
    from cutaway.training.optimizer import OptimizerSettings

    settings = FinetuneSettings(
        held_out=held_out,
        batch_tokens=batch_tokens,
        inputs=InputSettings(max_tokens=max_tokens, truncation=truncation),  # type: ignore[arg-type]
        lora=LoraSettings(rank=rank, alpha=2.0 * max(rank, 1)),
        loop=LoopSettings(
            epochs=epochs, patience=patience, seed=seed, optimizer=OptimizerSettings(rate=rate)
        ),
    )
    labelled = read_for_training(
        data,
        columns=(text, label),
        undecodable=undecodable,
        duplicates=duplicates,
        drawn=(limit, seed),
    )
    tell_of_data(labelled, model, settings)
    keeping = saving(resume=resume, every=save_steps)
    folder = run_folder(out, resume=resume)
    with resumable(folder), output.progress() as bars:
        listen = training_listener(bars, "fine-tuning")
        run = train(labelled, model=model, settings=settings, out=folder, listen=listen, saving=keeping)
    _tell(run, json)


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
    console.print(f'run: {run.folder}  (report.md; cutaway predict {run.folder} "TEXT")', soft_wrap=True)
