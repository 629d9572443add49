"""`cutaway recurrent`: LSTMs over word vectors and over characters, translators; trained, scored, read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output
from cutaway.cli.gradients import gradients
from cutaway.cli.language import generate, train_language
from cutaway.cli.resuming import RESUME_HELP, resumable, run_folder, saving
from cutaway.cli.translate import translate
from cutaway.cli.translator import train_translator

if TYPE_CHECKING:
    from cutaway.training.history import Epoch

app = typer.Typer(no_args_is_help=True, help="Room 3: LSTM, step by step.")
app.command()(gradients)
app.command()(generate)
app.command()(translate)
app.command("train-language")(train_language)
app.command("train-translator")(train_translator)


@app.command()
def train(
    data: str = typer.Argument(help="A .csv, .tsv, .jsonl or .parquet file, or a catalog name such as imdb."),
    text: str | None = typer.Option(None, help="The column of texts; found if not given."),
    label: str | None = typer.Option(None, help="The column of labels; found if not given."),
    vectors: str = typer.Option("glove-6b-50d", help="Word vectors: a catalog name or a path."),
    out: Path = typer.Option(Path("runs/recurrent"), help="The run folder."),
    resume: bool = typer.Option(False, "--resume", help=RESUME_HELP),
    hidden: int = typer.Option(96, help="Units of the LSTM in each direction."),
    layers: int = typer.Option(1, help="Layers of the LSTM."),
    directions: str = typer.Option("forward", help="How a text is read: forward, or both ways."),
    pooling: str = typer.Option("max", help="What the head sees: last, max, mean or attention."),
    dropout: float = typer.Option(0.3, help="Share of the pooled state that training drops."),
    word_dropout: float = typer.Option(0.1, help="Share of the words that training reads as unknown."),
    batch_words: int = typer.Option(16_384, help="Words in a training batch, at most."),
    rate: float = typer.Option(4e-3, help="Peak learning rate."),
    epochs: int = typer.Option(8, help="Epochs, at most."),
    patience: int = typer.Option(2, help="Stop after so many epochs without a lower held-out loss."),
    held_out: float = typer.Option(0.2, help="Texts held out: a count, or a share below 1."),
    seed: int = typer.Option(0, help="Of every random choice."),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Train an LSTM classifier over frozen word vectors; the best epoch stays in the run folder."""
    from cutaway.cli.progress import training_listener
    from cutaway.core.errors import UsageError
    from cutaway.core.files import write_text
    from cutaway.finetuning.data import read_labelled
    from cutaway.finetuning.reader import train_reader
    from cutaway.recurrent.card import card
    from cutaway.recurrent.classifier import ClassifierSettings
    from cutaway.recurrent.train import TrainSettings
    from cutaway.training.loop import LoopSettings
    from cutaway.training.optimizer import OptimizerSettings

    if held_out <= 0:
        raise UsageError(f"held_out is a count, or a share below 1, not {held_out}")
    labelled = read_labelled(data, text=text, label=label)
    count = round(held_out if held_out >= 1 else max(1, held_out * len(labelled)))
    model = ClassifierSettings(
        labels=tuple(labelled.classes),
        hidden=hidden,
        layers=layers,
        directions=directions,  # type: ignore[arg-type]
        pooling=pooling,  # type: ignore[arg-type]
        dropout=dropout,
        word_dropout=word_dropout,
    )
    loop = LoopSettings(epochs=epochs, patience=patience, seed=seed, optimizer=OptimizerSettings(rate=rate))
    settings = TrainSettings(model=model, batch_words=batch_words, loop=loop)
    output.warn(f"{len(labelled)} rows, {count} held out, classes {', '.join(labelled.classes)}")
    keeping, out = saving(resume=resume, every=None), run_folder(out, resume=resume)
    with resumable(out), output.progress() as bars:
        listen = training_listener(bars, "training")
        _, history = train_reader(
            labelled, vectors, settings, held_out=count, out=out, listen=listen, saving=keeping
        )
    data = f"{labelled.source}, {count} of {len(labelled)} texts held out"
    write_text(out / "card.md", card(settings, vectors, history, data))
    _tell(out, history.best, json=json)


def _tell(out: Path, best: Epoch, *, json: bool) -> None:
    if json:
        output.print_json({"run": str(out), "epoch": best.epoch, **best.validation})
        return
    measures = f"accuracy {best.validation['accuracy']:.2%}, loss {best.validation['loss']:.4f} nats"
    output.console().print(f"held-out {measures}, best epoch {best.epoch}\nrun: {out}", soft_wrap=True)


@app.command()
def evaluate(
    model: str = typer.Argument(help="A run folder, or a catalog name such as lstm-sentiment."),
    data: str = typer.Argument(help="A table of texts and labels, or a catalog name (its test split)."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Score a trained classifier on labelled texts."""
    from cutaway.finetuning.data import read_labelled
    from cutaway.finetuning.reader import Reader

    labelled = read_labelled(data, split="test")
    reader = Reader.load(model)
    with output.progress() as bars:
        task = bars.add_task("scoring", total=len(labelled), note="")
        measures = reader.evaluate(labelled, told=lambda count: bars.update(task, advance=count))
    if json:
        output.print_json({"model": model, "data": labelled.source, "rows": len(labelled), **measures})
        return
    figures = f"accuracy {measures['accuracy']:.2%}, loss {measures['loss']:.4f} nats"
    output.console().print(f"{labelled.source}: {len(labelled)} rows, {figures}", soft_wrap=True)


@app.command()
def predict(
    text: str = typer.Argument(help="The text; - reads standard input."),
    model: str = typer.Option("lstm-sentiment", help="A run folder or a catalog name."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Label a text, and show what the answer would be after each word."""
    from rich.table import Table
    from rich.text import Text

    from cutaway.core.errors import DataError
    from cutaway.finetuning.reader import Reader
    from cutaway.tokenization.word_spans import word_spans

    words = word_spans(output.read_text_argument(text))
    if not words:
        raise DataError("the text holds no word: there is nothing to read")
    trace = Reader.load(model).trace(words)
    label = str(trace.facts["label"])
    running = trace["running"][:, trace.labels["class"].index(label)].tolist()
    probability = float(trace["probabilities"].max())
    read = trace.labels["position"]
    if json:
        steps = [{"word": word, "probability": p} for word, p in zip(read, running, strict=True)]
        output.print_json({"label": label, "probability": probability, "running": steps})
        return
    output.console().print(f"{label}  {probability:.4f}")
    grid = Table("word", f"p({label}) so far", box=None, pad_edge=False)
    for word, p in zip(read, running, strict=True):
        grid.add_row(Text(word), f"{p:.3f}")
    output.console().print(grid)
