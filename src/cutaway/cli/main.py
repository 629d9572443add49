"""The `cutaway` command: one verb a room, each loaded only when it is the one asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer

from cutaway.cli.together import one_voice
from cutaway.core.errors import CutawayError


@dataclass(frozen=True, kw_only=True)
class Verb:
    """Where a verb lives: `symbol` is a Typer app for a group, else the command's function."""

    module: str
    symbol: str
    help: str


# Typer ends so on SIGINT, without a word.
INTERRUPTED = 130

VERBS = {
    "tour": Verb(module="tour", symbol="tour", help="One sentence through all five rooms."),
    "tokens": Verb(module="tokens", symbol="app", help="Room 1: text to ids and back."),
    "vectors": Verb(module="vectors", symbol="app", help="Room 2: word vectors."),
    "recurrent": Verb(module="recurrent", symbol="app", help="Room 3: LSTM, step by step."),
    "attend": Verb(module="attend", symbol="attend", help="Room 4: the attention of a checkpoint."),
    "pretrain": Verb(module="pretrain", symbol="pretrain", help="Train a model on text without labels."),
    "generate": Verb(module="generate", symbol="generate", help="Go on with a text, by a language model."),
    "translate": Verb(module="translate", symbol="translate", help="Translate with a trained translator."),
    "finetune": Verb(module="finetune", symbol="finetune", help="Room 5: your labels, a pretrained model."),
    "evaluate": Verb(module="predict", symbol="evaluate", help="Score a trained model on labelled texts."),
    "predict": Verb(module="predict", symbol="predict", help="Label texts with a trained model."),
    "runs": Verb(module="runs", symbol="app", help="Trainings: list, read, compare, explain, export."),
    "serve": Verb(module="serve", symbol="serve", help="Trained models over HTTP."),
    "export": Verb(module="export", symbol="export", help="A trained model for other tools: hf, onnx."),
    "catalog": Verb(module="catalog", symbol="app", help="Known data and models: list, fetch, verify."),
    "lab": Verb(module="lab", symbol="lab", help="The web lab on 127.0.0.1."),
    "verify": Verb(module="verify", symbol="verify", help="Measure again every figure the README claims."),
}


def run() -> None:
    """Run the command line of this process; the console script's entry point."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: what stands behind `cutaway`; `--debug` anywhere shows tracebacks.

    Returns:
        The exit code: 0 done, 1 bad data or model, 2 usage, 4 environment, 5 diverged, 130 interrupted.
    """
    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"]
    try:
        with one_voice(_verb(words)):
            _app(words)(words, prog_name="cutaway", standalone_mode=True)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            _complain("interrupted")
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except CutawayError as error:
        if debug:
            raise
        _complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        sys.stdout = None  # nothing is left to flush to
        return 0
    except Exception as error:
        if debug:
            raise
        _complain(f"unexpected {type(error).__name__}: {error} (a bug: --debug shows where)")
        return 1
    return 0


def _complain(message: str) -> None:
    sys.stderr.write(f"cutaway: {' '.join(message.split())}\n")


def _app(words: Sequence[str]) -> typer.Typer:
    """Build the application; only the verb that was asked for is imported."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"token_normalize_func": _dashed},
        help="Language models with the side taken off: five rooms from text to a fine-tuned classifier.",
    )
    app.callback()(_options)
    wanted = _verb(words)
    for name, verb in VERBS.items():
        found = _load(verb) if name == wanted else _unloaded
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name, help=verb.help)
        else:
            app.command(name, help=None if name == wanted else verb.help)(found)
    return app


def _verb(words: Sequence[str]) -> str | None:
    return next((word for word in words if not word.startswith("-")), None)


def _dashed(option: str) -> str:
    """Read --batch_tokens as --batch-tokens: other tools of the field write underscores."""
    return option.replace("_", "-")


def _load(verb: Verb) -> Any:
    return getattr(import_module(f"cutaway.cli.{verb.module}"), verb.symbol)


def _version(asked: bool) -> None:
    if asked:
        from cutaway.core.version import VERSION

        sys.stdout.write(f"cutaway {VERSION}\n")
        raise typer.Exit


def _options(
    version: bool = typer.Option(False, "--version", is_eager=True, callback=_version, help="Show it."),
) -> None:
    """Language models with the side taken off: five rooms from text to a fine-tuned classifier."""


def _unloaded() -> None:
    """Stand for a verb that was not asked for: it shows in the help and is never called."""
