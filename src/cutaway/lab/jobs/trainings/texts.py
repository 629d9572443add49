"""The texts that a job learns from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cutaway.core.errors import CutawayError, DataError
from cutaway.core.files import write_text
from cutaway.core.text import scrub
from cutaway.lab.jobs.asked import Data
from cutaway.lab.jobs.events import Teller

if TYPE_CHECKING:
    from cutaway.finetuning.data import Labelled


def texts_of(data: Data, seed: int) -> Sequence[str]:
    """Return the texts, without labels.

    Args:
        data: a text, whose lines are the texts; or rows of a data set.
        seed: of the draw.
    """
    if data.text is not None:
        return [line for line in scrub(data.text).splitlines() if line.strip()]
    return drawn(data, seed).texts


def labelled_of(data: Data, seed: int, folder: Path) -> Labelled:
    """Return the labelled texts.

    Args:
        data: CSV with a header, or rows of a data set.
        seed: of the draw.
        folder: where a text is written, to be read as any table of the reader's would be.

    Returns:
        Texts and labels.

    Raises:
        DataError: the text is no such table.
    """
    if data.text is None:
        return drawn(data, seed)
    from cutaway.finetuning.data import read_labelled

    path = folder / "data.csv"
    write_text(path, scrub(data.text))
    try:
        return replace(read_labelled(path), source="a table typed into the lab")
    except CutawayError as error:
        # The reader of the page gave a text, and knows nothing of a file.
        raise DataError(str(error).replace(str(path), "your table")) from error


def drawn(data: Data, seed: int) -> Labelled:
    """Return so many rows of a data set, each class in its share.

    Args:
        data: its name, and how many rows.
        seed: of the draw.
    """
    from cutaway.finetuning.data import draw, read_labelled

    return draw(read_labelled(data.name), data.limit, seed=seed)


def told(texts: Sequence[str], teller: Teller) -> Iterator[str]:
    """Yield the texts, telling how many were taken.

    Args:
        texts: all of them.
        teller: of the job.

    Yields:
        One text at a time.
    """
    for at, text in enumerate(texts, 1):
        teller.progress(at, len(texts), "texts read")
        yield text
