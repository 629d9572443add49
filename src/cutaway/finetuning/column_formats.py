"""Tables that are columns: Parquet read in batches, Arrow files mapped and not read at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as arrow
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from cutaway.core.errors import DataError
from cutaway.finetuning.columns import TextColumn
from cutaway.finetuning.tables import Reading

BATCH_ROWS = 8192

Names = Mapping[str, list[str]]


def read_parquet(reading: Reading) -> Mapping[str, TextColumn]:
    """Read every column that can be text, a batch of rows at a time.

    Args:
        reading: the file.

    Returns:
        Its columns.

    Raises:
        DataError: the file is damaged, or a value is not UTF-8.
    """
    try:
        with parquet.ParquetFile(reading.path, memory_map=True) as file:
            schema = file.schema_arrow
            names = _textual(schema, reading.name)
            classes = _class_names(schema)
            writer = reading.writer(names)
            first = 0
            for batch in file.iter_batches(BATCH_ROWS, columns=names):
                texts = {name: _texts(batch.column(name), classes.get(name)) for name in names}
                _check_utf8(texts, first, reading.name)
                writer.add_batch(texts)
                first += len(batch)
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{reading.name} is not a readable Parquet table: {_line(error)}") from error
    return writer.finish()


def read_arrow(reading: Reading) -> Mapping[str, TextColumn]:
    """Map an Arrow file or stream; columns of strings are used where they lie.

    Args:
        reading: the file.

    Returns:
        Its columns.

    Raises:
        DataError: the file is damaged, or a value is not UTF-8.
    """
    try:
        source = arrow.memory_map(str(reading.path))
        try:
            table = arrow.ipc.open_file(source).read_all()
        except arrow.ArrowInvalid:
            source.seek(0)
            table = arrow.ipc.open_stream(source).read_all()
        names = _textual(table.schema, reading.name)
        classes = _class_names(table.schema)
        columns = {}
        for name in names:
            chunks = [_texts(chunk, classes.get(name)) for chunk in table.column(name).chunks]
            first = 0
            for chunk in chunks:
                _check_utf8({name: chunk}, first, reading.name)
                first += len(chunk)
            columns[name] = TextColumn(arrow.chunked_array(chunks, arrow.large_string()))
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{reading.name} is not a readable Arrow table: {_line(error)}") from error
    return columns


def _textual(schema: Any, name: str) -> list[str]:
    """Return the columns that have a spelling: no lists, structs or bytes."""
    repeated = sorted({column for column in schema.names if schema.names.count(column) > 1})
    if repeated:
        raise DataError(f"{name}: two columns are called {repeated[0]!r}: {schema.names}")
    kinds = arrow.types
    found = []
    for field in schema:
        kind = field.type.value_type if kinds.is_dictionary(field.type) else field.type
        if not (kinds.is_nested(kind) or kinds.is_binary(kind) or kinds.is_large_binary(kind)):
            found.append(field.name)
    if not found:
        raise DataError(f"{name} has no column of text, numbers or dates: it has {schema.names}")
    return found


def _texts(values: Any, names: list[str] | None) -> Any:
    """Return an Arrow array as large strings; numbers of named classes as their names."""
    if names and arrow.types.is_integer(values.type):
        known = compute.and_(compute.greater_equal(values, 0), compute.less(values, len(names)))
        places = compute.if_else(known, values, None).cast(arrow.int64())
        return arrow.array(names, arrow.large_string()).take(places)
    if arrow.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values if arrow.types.is_large_string(values.type) else values.cast(arrow.large_string())


def _class_names(schema: Any) -> Names:
    """Return the names of numbered classes, where the hub's metadata has them."""
    raw = (schema.metadata or {}).get(b"huggingface")
    if not raw:
        return {}
    try:
        features = json.loads(raw)["info"]["features"]
        return {
            name: [str(label) for label in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _check_utf8(texts: Mapping[str, Any], first: int, name: str) -> None:
    for column, values in texts.items():
        try:
            values.validate(full=True)
        except arrow.ArrowInvalid as error:
            row = next(at for at, value in enumerate(values) if _undecodable(value))
            raise DataError(
                f"{name}: column {column!r} is not valid UTF-8 in row {first + row + 1}: save it as UTF-8"
            ) from error


def _undecodable(value: Any) -> bool:
    try:
        value.as_py()
    except UnicodeDecodeError:
        return True
    return False


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]
