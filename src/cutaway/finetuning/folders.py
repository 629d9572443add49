"""A folder as a table: one sub-folder a class with a text a file, or files of rows with a split's name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as arrow

from cutaway.core.errors import DataError
from cutaway.core.text import Undecodable, read_lines
from cutaway.finetuning.columns import SPILL_BYTES, TextColumn
from cutaway.finetuning.tables import Reading, StringTable, formats, read_table

Split = Literal["train", "test"]

TEXT_ENDINGS = (".txt", ".text")
# Folders of texts that nobody labelled, beside those of the classes.
UNLABELLED = frozenset({"unsup", "unlabelled", "unlabeled", "unsupervised"})


def read_folder(
    folder: Path,
    split: Split,
    *,
    undecodable: Undecodable = "strict",
    spill_at: int = SPILL_BYTES,
) -> StringTable:
    """Read a folder of classes, or of tables.

    Args:
        folder: holds `<class>/<any>.txt`, or `train.csv`, `test.parquet`, `data/train-00000-of-00002.parquet`
            and the like; either may lie one level down, in a folder with the split's name.
        split: which part to read where the folder has parts.
        undecodable: what to do with bytes that are not UTF-8.
        spill_at: bytes of text beyond which the table lies in a file that is mapped.

    Returns:
        The rows; those of classes have the columns `text` and `label`.

    Raises:
        DataError: the folder holds neither, or only the other split.
    """
    inside = folder / split if (folder / split).is_dir() else folder
    tables = _tables(inside, split, own=inside != folder)
    if tables:
        return _joined(
            [read_table(path, undecodable=undecodable, spill_at=spill_at) for path in tables], inside
        )
    classes = [
        child
        for child in sorted(inside.iterdir())
        if child.is_dir() and child.name.lower() not in UNLABELLED and next(_texts_in(child), None)
    ]
    if len(classes) < 2:
        held = [child.name for child in sorted(inside.iterdir())][:8]
        raise DataError(
            f"{inside} is no folder of labelled texts: expected a sub-folder a class with .txt files, or a "
            f"table called {split}.csv or the like; it holds {held}"
        )
    return _read_classes(
        classes, Reading(path=inside, name=str(inside), undecodable=undecodable, spill_at=spill_at)
    )


def _read_classes(classes: Sequence[Path], reading: Reading) -> StringTable:
    writer = reading.writer(["text", "label"])
    for child in classes:
        for path in sorted(_texts_in(child), key=_natural):
            lines = read_lines(path, undecodable=reading.undecodable, ends="kept", replaced=reading.count)
            writer.add(["".join(lines), child.name])
    return StringTable(name=reading.name, columns=writer.finish(), replaced=reading.replaced)


def _texts_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.suffix.lower() in TEXT_ENDINGS and path.is_file())


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort 2.txt before 10.txt."""
    return [(int(part or 0), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", path.name)]


def _tables(folder: Path, split: str, *, own: bool) -> list[Path]:
    """Return the files of rows that belong to a split: all of them in a folder of the split's own."""
    places = [folder, folder / "data"]
    found = [
        path
        for place in places
        if place.is_dir()
        for path in sorted(place.iterdir(), key=_natural)
        if path.suffix.lower() in formats() and path.is_file()
    ]
    named = [path for path in found if re.match(rf"{split}([^a-z]|$)", path.stem.lower())]
    if own:
        return found
    if found and not named:
        if len(found) == 1:
            return found
        raise DataError(
            f"{folder} holds {[path.name for path in found][:8]}: none is called {split}; name one of them"
        )
    return named


def _joined(tables: Sequence[StringTable], folder: Path) -> StringTable:
    names = list(tables[0].columns)
    for table in tables[1:]:
        if set(table.columns) != set(names):
            raise DataError(
                f"{table.name} has the columns {list(table.columns)}, {tables[0].name} has {names}"
            )
    columns = {
        name: TextColumn(
            arrow.chunked_array(
                [chunk for table in tables for chunk in table.columns[name].chunks], arrow.large_string()
            )
        )
        for name in names
    }
    return StringTable(name=str(folder), columns=columns, replaced=sum(table.replaced for table in tables))
