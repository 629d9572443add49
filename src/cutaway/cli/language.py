"""`cutaway recurrent train-language|generate`: an LSTM that writes, by characters or by tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output
from cutaway.cli.resuming import STEPS_HELP, resumable, run_folder, saving

if TYPE_CHECKING:
    from torch import Tensor

    from cutaway.finetuning.runs.recorder import Plan
    from cutaway.recurrent.language import LanguageModel, LanguageSettings
    from cutaway.recurrent.language_training import LanguageTask, LanguageTraining
    from cutaway.tokenization.tokenizer import Tokenizer
    from cutaway.training.run_folder import SavingSettings


def train_language(
    text: Path = typer.Argument(help="A text file in UTF-8."),
    out: Path = typer.Option(Path("runs/language"), help="The run folder."),
    tokenizer: str | None = typer.Option(
        None, help="Read its tokens in the place of characters: a name or a path."
    ),
    embedding: int = typer.Option(64, help="Numbers that stand for a symbol."),
    hidden: int = typer.Option(256, help="Units of each LSTM layer."),
    layers: int = typer.Option(2, help="LSTM layers."),
    dropout: float = typer.Option(0.2, help="Share of embeddings and states that training drops."),
    streams: int = typer.Option(32, help="Pieces of the text read side by side."),
    steps: int = typer.Option(96, help="Symbols of each stream in one step."),
    rate: float = typer.Option(4e-3, help="Peak learning rate."),
    epochs: int = typer.Option(12, help="Passes over the text."),
    held_out: float = typer.Option(0.1, help="Share at the end of the text that is only scored."),
    seed: int = typer.Option(0, help="Of weights and dropout."),
    threads: int = typer.Option(0, help="Cores to use; 0 leaves the choice to torch."),
    resume: bool = typer.Option(False, "--resume", help="Go on from the run folder's newest checkpoint."),
    save_steps: int | None = typer.Option(None, help=STEPS_HELP),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Train a language model of characters or tokens; the best epoch stays in the run folder."""
    import torch

    from cutaway.recurrent.language import LanguageModel, LanguageSettings, bits
    from cutaway.recurrent.language_training import (
        LanguageTask,
        LanguageTraining,
        load_language_model,
        split_text,
    )
    from cutaway.training.optimizer import OptimizerSettings

    if threads > 0:
        torch.set_num_threads(threads)
    read = _read(text)
    learned, scored = split_text(read, held_out)
    settings = LanguageTraining(
        streams=streams,
        steps=steps,
        epochs=epochs,
        seed=seed,
        optimizer=OptimizerSettings(rate=rate, warmup=0.02),
    )
    chosen = _tokenizer(tokenizer)
    symbols = _characters(read) if chosen is None else chosen.vocab_size
    shape = LanguageSettings(
        symbols=symbols, embedding=embedding, hidden=hidden, layers=layers, dropout=dropout
    )
    torch.manual_seed(seed)
    model = LanguageModel(shape)
    held = _encode(scored, model, chosen)
    task = LanguageTask(
        model, _encode(learned, model, chosen), held, settings, run_folder(out, resume=resume)
    )
    _go(task, _plan(out, text, settings, shape), chosen, saving(resume=resume, every=save_steps))
    nats = load_language_model(out).nats(held)
    a_character = bits(nats) * (len(held) - 1) / (len(scored) - 1)
    _tell(out, nats, a_character, kind="token" if chosen else "character", json=json)


def _tell(out: Path, nats: float, a_character: float, *, kind: str, json: bool) -> None:
    from cutaway.recurrent.language import bits

    if json:
        told = {"run": str(out), "nats": nats, "bits": bits(nats), "perplexity": 2 ** bits(nats)}
        output.print_json({**told, "bits_a_character": a_character})
        return
    output.console().print(
        f"held-out {nats:.4f} nats a {kind}, {a_character:.4f} bits a character\nrun: {out}", soft_wrap=True
    )


def _characters(text: str) -> str:
    from cutaway.recurrent.language_training import symbols_of

    return "".join(symbols_of(text))


def _tokenizer(name: str | None) -> Tokenizer | None:
    from cutaway.tokenization.tokenizer import Tokenizer

    return None if name is None else Tokenizer.load(name)


def _encode(text: str, model: LanguageModel, tokenizer: Tokenizer | None) -> Tensor:
    import torch

    if tokenizer is None:
        return model.encode(text)
    return torch.tensor(tokenizer.encode(text, special=False).ids)


def _read(text: Path) -> str:
    from cutaway.core.errors import DataError, MissingFileError

    if not text.is_file():
        raise MissingFileError(f"{text} is no file: name a text in UTF-8")
    try:
        return text.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{text} is not UTF-8: {error}") from error


def _go(task: LanguageTask, plan: Plan, tokenizer: Tokenizer | None, keeping: SavingSettings) -> None:
    """Train with a progress bar, recorded as a run."""
    from cutaway.cli.progress import training_listener
    from cutaway.finetuning.runs.curves import write_history
    from cutaway.finetuning.runs.recorder import recording
    from cutaway.finetuning.token_language import TOKENIZER
    from cutaway.recurrent.language_training import CONFIG
    from cutaway.training.loop import fit
    from cutaway.training.run_folder import open_run

    folder = plan.folder
    with open_run(folder, keeping, mark=CONFIG), resumable(folder), output.progress() as bars:
        if tokenizer is not None:
            tokenizer.save(folder / TOKENIZER)
        checkpoints = keeping.checkpoints(folder, {"data": plan.data, "settings": plan.settings})
        with recording(plan, training_listener(bars, "training", unit="symbols")) as recorder:
            history = fit(task, task.settings.loop, recorder.listener, checkpoints=checkpoints)
            recorder.measured(history.best.validation)
            write_history(folder, history)


def _plan(out: Path, text: Path, settings: LanguageTraining, shape: LanguageSettings) -> Plan:
    from dataclasses import asdict

    from cutaway.core.files import sha256_of
    from cutaway.finetuning.runs.recorder import Plan, settings_of

    return Plan(
        kind="language",
        folder=out,
        settings=settings_of(settings, model=asdict(shape)),
        data={"source": str(text), "sha256": sha256_of(text)},
        seeds={"all": settings.seed},
    )


def generate(
    prompt: str = typer.Argument(help="The text so far; - reads standard input."),
    model: Path = typer.Option(Path("runs/language"), help="A run folder of train-language."),
    length: int = typer.Option(300, min=1, help="Characters, or tokens, to write."),
    temperature: float = typer.Option(0.8, help="Divides the scores; 0 takes the likeliest."),
    top_k: int | None = typer.Option(None, help="Draw from so many of the likeliest."),
    top_p: float = typer.Option(1.0, help="Draw from the likeliest that together have this probability."),
    seed: int = typer.Option(0, help="Of the draws."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Go on from a prompt, symbol by symbol."""
    from rich.text import Text

    from cutaway.finetuning.token_language import TOKENIZER, TokenLanguage
    from cutaway.recurrent.language_training import load_language_model
    from cutaway.recurrent.sampling import SamplingSettings

    load = TokenLanguage.load if (model / TOKENIZER).is_file() else load_language_model
    settings = SamplingSettings(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
    start = output.read_text_argument(prompt)
    text = "".join(load(model).generate(start, length, settings))
    if json:
        output.print_json({"prompt": start, "text": text})
        return
    output.console().print(Text(start + text), soft_wrap=True)
