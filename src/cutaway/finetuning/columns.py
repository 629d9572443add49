"""Columns of text in Arrow memory: small tables in memory, large ones in a file that is mapped, not read.

A column is a sequence of strings like any other; what it does not do is hold a Python string a row.
"""

from __future__ import annotations

import errno
import mmap
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, overload

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute
from numpy.typing import NDArray

from cutaway.core.errors import DataError, ResourceError
from cutaway.core.home import cache_home
from cutaway.core.text import scrub

Rows = NDArray[np.int64]

# A table with more text than this moves to a file, which the system pages in and out as it likes.
SPILL_BYTES = 256 << 20
BATCH_BYTES = 4 << 20
BATCH_ROWS = 16_384
READ_ROWS = 1024


class TextColumn(Sequence[str]):
    """Strings of a table's column, or of some of its rows in an order of their own.

    Args:
        values: an Arrow chunked array of large strings.
        rows: which of them, in which order; all of them if not given.
    """

    def __init__(self, values: Any, rows: Rows | None = None) -> None:
        self._values, self._rows = values, rows
        self._ends = np.cumsum([len(chunk) for chunk in values.chunks], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._values) if self._rows is None else len(self._rows)

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        """Return one string, or a list of those in a slice."""
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(f"row {at} of {len(self)}")
        row = int(at) % len(self) if self._rows is None else int(self._rows[at])
        chunk = int(np.searchsorted(self._ends, row, side="right"))
        first = int(self._ends[chunk - 1]) if chunk else 0
        return self._values.chunk(chunk)[row - first].as_py()  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        if self._rows is not None:
            yield from (self[at] for at in range(len(self)))
            return
        for chunk in self._values.chunks:
            for start in range(0, len(chunk), READ_ROWS):
                yield from chunk.slice(start, READ_ROWS).to_pylist()

    def take(self, rows: Rows) -> TextColumn:
        """Return a view of some of the rows, in the order given; no text is copied.

        Args:
            rows: row numbers, from 0.
        """
        return TextColumn(self._values, rows if self._rows is None else self._rows[rows])

    @property
    def chunks(self) -> list[Any]:
        """The Arrow arrays that hold the column, in order; of a view, the whole column's."""
        return list(self._values.chunks)

    @property
    def size(self) -> int:
        """Bytes of text in the whole column."""
        return int(compute.sum(compute.binary_length(self._values)).as_py() or 0)

    @property
    def distinct(self) -> int:
        """How many different values the whole column has."""
        return int(compute.count_distinct(self._values).as_py())

    @property
    def hole(self) -> int | None:
        """The number, from 0, of the first row without a value."""
        if self._values.null_count == 0:
            return None
        first = 0
        for chunk in self._values.chunks:
            if chunk.null_count:
                return first + int(chunk.is_null().to_pylist().index(True))
            first += len(chunk)
        return None


class ColumnWriter:
    """Collects rows of strings; beyond `spill_at` bytes of text they lie in a nameless file.

    Args:
        names: the columns.
        spill_at: how many bytes of text stay in memory.
    """

    def __init__(self, names: Sequence[str], *, spill_at: int = SPILL_BYTES) -> None:
        self.names = list(names)
        self._schema = arrow.schema([(name, arrow.large_string()) for name in self.names])
        self._pending: list[list[str | None]] = [[] for _ in self.names]
        self._pending_size = self._size = 0
        self._batches: list[Any] = []
        self._spill_at = spill_at
        self._file: IO[bytes] | None = None
        self._writer: Any = None

    def add(self, row: Sequence[str | None]) -> None:
        """Add one row; lone surrogates become U+FFFD, None is a hole.

        Args:
            row: a value a column, in the order of the names.
        """
        for column, value in zip(self._pending, row, strict=True):
            column.append(scrub(value) if value is not None else None)
            self._pending_size += len(value or "")
        if self._pending_size >= BATCH_BYTES or len(self._pending[0]) >= BATCH_ROWS:
            self._flush()

    def add_batch(self, columns: Mapping[str, Any]) -> None:
        """Add rows that are Arrow arrays already.

        Args:
            columns: an Arrow array of large strings for each name.
        """
        self._flush()
        self._keep(arrow.record_batch([columns[name] for name in self.names], schema=self._schema))

    def finish(self) -> dict[str, TextColumn]:
        """Return the columns by name.

        Raises:
            ResourceError: there is no room on the disk for what memory cannot hold.
        """
        self._flush()
        table = self._mapped() if self._file else arrow.Table.from_batches(self._batches, self._schema)
        return {name: TextColumn(table.column(at)) for at, name in enumerate(self.names)}

    def _flush(self) -> None:
        if not self._pending or not self._pending[0]:
            return
        arrays = [arrow.array(column, arrow.large_string()) for column in self._pending]
        self._pending = [[] for _ in self.names]
        self._pending_size = 0
        self._keep(arrow.record_batch(arrays, schema=self._schema))

    def _keep(self, batch: Any) -> None:
        self._size += batch.nbytes
        try:
            if self._file is None and self._size > self._spill_at:
                folder = cache_home() / "tables"
                folder.mkdir(parents=True, exist_ok=True)
                self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it outlives this call
                self._writer = arrow.ipc.new_file(self._file, self._schema)
                for earlier in self._batches:
                    self._writer.write_batch(earlier)
                self._batches = []
            if self._writer is None:
                self._batches.append(batch)
            else:
                self._writer.write_batch(batch)
        except OSError as error:
            raise _no_room(error) from error

    def _mapped(self) -> Any:
        """Close the file's table and map it; the map keeps the nameless file alive."""
        assert self._file is not None
        try:
            self._writer.close()
            self._file.flush()
            mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise _no_room(error) from error
        self._file.close()
        return arrow.ipc.open_file(arrow.BufferReader(arrow.py_buffer(mapped))).read_all()


def _no_room(error: OSError) -> ResourceError:
    where = cache_home() / "tables"
    why = "no space left" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error.strerror or error)
    return ResourceError(
        f"a table larger than memory needs room in {where}: {why}: free some, or name another place in "
        "CUTAWAY_CACHE"
    )


def whole(column: TextColumn, name: str, source: str) -> TextColumn:
    """Return a column in which every row has a value.

    Args:
        column: as it was read.
        name: what it is called.
        source: the table, for the message.

    Raises:
        DataError: a row has none.
    """
    if (row := column.hole) is not None:
        raise DataError(f"{source}: column {name!r} has no value in row {row + 1}")
    return column
