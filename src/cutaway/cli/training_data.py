"""The data of a training: read as the options say, and described before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.finetuning.data import Labelled
    from cutaway.finetuning.finetune import FinetuneSettings


def read_for_training(
    data: str,
    *,
    columns: tuple[str | None, str | None],
    undecodable: str,
    duplicates: str,
    drawn: tuple[int | None, int],
) -> Labelled:
    """Read labelled texts.

    Args:
        data: a file, a folder, `-`, a catalog or a hub name.
        columns: of the texts and of the labels; None is found.
        undecodable: "strict" or "replace".
        duplicates: "keep" or "drop".
        drawn: use so many rows only (None: all), and the seed that draws them.

    Returns:
        The rows.

    Raises:
        UsageError: an option has no such value.
    """
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.data import draw, read_labelled
    from cutaway.finetuning.describe import without_duplicates

    if undecodable not in ("strict", "replace"):
        raise UsageError(f"--undecodable must be strict or replace, not {undecodable!r}")
    if duplicates not in ("keep", "drop"):
        raise UsageError(f"--duplicates must be keep or drop, not {duplicates!r}")
    limit, seed = drawn
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is a number of rows, 1 or more, not {limit}")
    text, label = columns
    labelled = read_labelled(data, text=text, label=label, undecodable=undecodable)  # type: ignore[arg-type]
    if duplicates == "drop":
        before = len(labelled)
        labelled = without_duplicates(labelled)
        output.warn(f"dropped {before - len(labelled):,} of {before:,} rows that repeat an earlier text")
    return labelled if limit is None else draw(labelled, limit, seed=seed)


def tell_of_data(labelled: Labelled, model: str, settings: FinetuneSettings) -> None:
    """Print what is in the data on standard error: balance, lengths, what is not read, repeats, leaks.

    Args:
        labelled: the rows that the training will use.
        model: the encoder, whose tokens are counted.
        settings: of the training: what is held out, how much of a text is read.
    """
    from cutaway.finetuning.data import split_rows
    from cutaway.finetuning.describe import describe
    from cutaway.tokenization.tokenizer import Tokenizer
    from cutaway.transformers.encoders import read_encoder

    # What is no encoder is told as such, not as a tokenizer that lacks something.
    inputs = settings.inputs.at_most(read_encoder(model)[1].longest)
    count = settings.held_out if settings.held_out >= 1 else max(1, settings.held_out * len(labelled))
    split = split_rows(labelled.labels, held_out=round(count), seed=settings.loop.seed)
    found = describe(labelled, tokenizer=Tokenizer.load(model), inputs=inputs, split=split)
    for line in found.lines():
        output.warn(line)
