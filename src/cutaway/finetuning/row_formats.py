"""Tables that are text: CSV, TSV and JSON lines, read row by row."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from typing import Any

from cutaway.core.errors import DataError
from cutaway.core.text import read_lines
from cutaway.finetuning.columns import ColumnWriter, TextColumn
from cutaway.finetuning.tables import Reading

# The csv module refuses longer fields; a review of 16 MB is a broken quote.
LONGEST_FIELD = 16 << 20


def read_csv(reading: Reading) -> Mapping[str, TextColumn]:
    """Read comma-separated values, quoted as RFC 4180 says.

    Args:
        reading: the file.
    """
    return _read_delimited(reading, ",")


def read_tsv(reading: Reading) -> Mapping[str, TextColumn]:
    """Read tab-separated values, quoted as in CSV.

    Args:
        reading: the file.
    """
    return _read_delimited(reading, "\t")


def _read_delimited(reading: Reading, delimiter: str) -> Mapping[str, TextColumn]:
    csv.field_size_limit(LONGEST_FIELD)
    lines = read_lines(reading.path, undecodable=reading.undecodable, ends="kept", replaced=reading.count)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    began, header = 1, None
    try:
        header = _header(next(rows, None), reading.name)
        writer = reading.writer(header)
        number = 0
        began = rows.line_num + 1
        for row in rows:
            if row:
                number += 1
                if len(row) != len(header):
                    raise DataError(
                        f"{reading.name}: row {number} (line {began}) has {len(row)} values, the header "
                        f"has {len(header)}: {header}"
                    )
                writer.add(row)
            began = rows.line_num + 1
    except csv.Error as error:
        columns = f"; the columns are {header}" if header else ""
        raise DataError(
            f"{reading.name}: the row that begins in line {began}: {_why(error)}{columns}"
        ) from error
    return writer.finish()


def _header(header: list[str] | None, name: str) -> list[str]:
    if not header:
        raise DataError(f"{name} is empty: the first line must name the columns")
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise DataError(f"{name}: the header names {repeated[0]!r} more than once: {header}")
    return header


def _why(error: csv.Error) -> str:
    told = str(error)
    if "unexpected end" in told:
        return "a quote is opened and never closed"
    if "field limit" in told:
        return f"a value is longer than {LONGEST_FIELD >> 20} MB, as after a quote that is never closed"
    if "expected after" in told:
        return "a quote is closed inside a value: inside quotes a quote is written twice"
    if "new-line" in told:
        return "a lone carriage return: end lines with a line feed, and quote values that hold line ends"
    return told


def read_json_lines(reading: Reading) -> Mapping[str, TextColumn]:
    """Read one JSON object a line; numbers stay as they are spelled, null is a hole.

    Args:
        reading: the file.

    Returns:
        Its columns.

    Raises:
        DataError: a line is no JSON object, or has other keys than the first.
    """
    writer: ColumnWriter | None = None
    lines = read_lines(reading.path, undecodable=reading.undecodable, replaced=reading.count)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _object(line, f"{reading.name}: line {number}")
        if writer is None:
            writer = reading.writer(list(row))
        if row.keys() != set(writer.names):
            odd = sorted(row.keys() ^ set(writer.names))
            raise DataError(
                f"{reading.name}: line {number} must have the keys of the first, {writer.names}: it "
                f"{'lacks' if odd[0] in writer.names else 'also has'} {odd[0]!r}"
            )
        writer.add([_plain(row[name]) for name in writer.names])
    if writer is None:
        raise DataError(f"{reading.name} is empty: each line must be a JSON object")
    return writer.finish()


def _object(line: str, place: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError(f"a key stands twice among {[key for key, _ in pairs]}")
        return found

    try:
        row = json.loads(line, parse_float=_Literal, parse_int=_Literal, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place} is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(f'{place} must be an object, such as {{"text": "...", "label": "..."}}')
    if not row:
        raise DataError(f"{place} is an object without keys")
    return row


class _Literal(str):
    """A number as the file spells it."""

    __slots__ = ()


def _plain(value: Any) -> str | None:
    """Return a string as it is, a number as it is spelled, anything nested as JSON."""
    return value if value is None or isinstance(value, str) else _spelled(value)


def _spelled(value: Any) -> str:
    """Return a value as JSON, numbers as they stood there."""
    if isinstance(value, _Literal):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_spelled, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_spelled(key)}: {_spelled(held)}' for key, held in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)
