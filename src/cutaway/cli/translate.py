"""`cutaway translate RUN TEXT...`: sentences, or a file of them line by line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.finetuning.translator import Translation, Translator


def translate(
    run: Path = typer.Argument(help="A run folder of `recurrent train-translator` or of `pretrain`."),
    texts: list[str] | None = typer.Argument(None, help="Sentences; - reads one from standard input."),
    source: str | None = typer.Option(
        None, "--input", help="A file, a sentence a line; - is standard input."
    ),
    target: Path | None = typer.Option(None, "--output", help="Where to write the translations, as lines."),
    beam: int = typer.Option(5, help="Beginnings that the search keeps."),
    alpha: float = typer.Option(1.0, help="Of the length penalty; 0 favors short translations."),
    alignment: bool = typer.Option(False, "--alignment", help="Show where each token looked in its source."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Translate sentences with a trained translator."""
    from cutaway.cli.text_files import read_texts
    from cutaway.core.errors import UsageError
    from cutaway.core.files import check_writable, write_text
    from cutaway.finetuning.inputs import check_texts

    if bool(texts) == (source is not None):
        raise UsageError("give sentences, or --input FILE: one of the two")
    if target is not None:
        check_writable(target)
    given = [output.read_text_argument(text) for text in texts or []]
    check_texts(given)
    if alignment and (source is not None or json):
        raise UsageError("--alignment draws for a terminal: it goes with sentences, not with a file or JSON")
    # A blank line of a file stays blank, so that lines still face each other.
    lines = given if source is None else list(read_texts([source]))
    translator = _load(run, lines)
    found = _translate(translator, lines, beam=beam, alpha=alpha)
    shown = [answer.text if answer else "" for answer in found]
    if target is not None:
        write_text(target, "".join(f"{line}\n" for line in shown))
    if json:
        output.print_json([_fields(line, answer) for line, answer in zip(lines, found, strict=True)])
    elif alignment:
        _draw(translator, lines, shown)
    elif target is None:
        for line in shown:
            output.console().print(line, soft_wrap=True)
    else:
        output.console().print(f"{len(shown)} lines: {target}", soft_wrap=True)


def _load(run: Path, lines: list[str]) -> Translator:
    from cutaway.core.errors import DataError
    from cutaway.finetuning.translator import Translator

    if not any(line.strip() for line in lines):
        raise DataError(f"{len(lines)} lines, and none of them holds a sentence")
    return Translator.load(run)


def _translate(
    translator: Translator, lines: list[str], *, beam: int, alpha: float
) -> list[Translation | None]:
    """Translate what is not blank, with a progress bar where there is much of it."""
    asked = [line for line in lines if line.strip()]
    if len(asked) < 20:
        found = iter(translator.translate(asked, beam=beam, alpha=alpha))
    else:
        with output.progress() as bars:
            task = bars.add_task("translating", total=len(asked), note="")
            answers = translator.translate(
                asked, beam=beam, alpha=alpha, told=lambda count: bars.update(task, advance=count)
            )
        found = iter(answers)
    return [next(found) if line.strip() else None for line in lines]


def _draw(translator: Translator, lines: list[str], shown: list[str]) -> None:
    """Print each translation and, below it, its alignment."""
    from cutaway.cli.alignment import draw_alignment

    for line, answer in zip(lines, shown, strict=True):
        output.console().print(answer, soft_wrap=True)
        if answer:
            output.console().print(draw_alignment(translator.trace(line, answer)), soft_wrap=True)


def _fields(line: str, answer: Translation | None) -> dict[str, object]:
    if answer is None:
        return {"source": line, "text": ""}
    return {
        "source": line,
        "text": answer.text,
        "tokens": list(answer.tokens),
        "score": answer.score,
        "log_probability": answer.log_probability,
    }
