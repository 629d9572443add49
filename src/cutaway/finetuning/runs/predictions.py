"""What a model answered to each held-out example, as a Parquet file in the run's folder.

Legend: B rows, C classes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import FormatError, MissingFileError
from cutaway.core.files import whole_file

PREDICTIONS = "predictions.parquet"
FORMAT = "cutaway-predictions/1"
COLUMNS = ("row", "text", "label", "tokens", "probabilities")

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Held-out examples with the best epoch's answers.

    Attributes:
        rows: (B,) where each stands in the data, from 0.
        texts: of the B examples.
        truth: (B,) the number of the true class.
        tokens: (B,) how many tokens of each the model read.
        probabilities: (B, C) float32.
        classes: the names of the C classes.
    """

    rows: Ints
    texts: Sequence[str]
    truth: Ints
    tokens: Ints
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def pick(self, at: Ints) -> Answers:
        """Return some of the examples, in the order given.

        Args:
            at: positions among the B.
        """
        return Answers(
            rows=self.rows[at],
            texts=[self.texts[number] for number in at],
            truth=self.truth[at],
            tokens=self.tokens[at],
            probabilities=self.probabilities[at],
            classes=self.classes,
        )


def write_answers(folder: Path, answers: Answers) -> None:
    """Write predictions.parquet.

    Args:
        folder: the run's.
        answers: every held-out example.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "row": pa.array(answers.rows, pa.int64()),
        "text": pa.array(list(answers.texts), pa.string()),
        "label": pa.array([answers.classes[number] for number in answers.truth], pa.string()),
        "tokens": pa.array(answers.tokens, pa.int64()),
        "probabilities": pa.FixedSizeListArray.from_arrays(
            pa.array(answers.probabilities.astype(np.float32).ravel()), len(answers.classes)
        ),
    }
    told = {"format": FORMAT, "classes": json.dumps(list(answers.classes))}
    table = pa.table(columns).replace_schema_metadata(told)
    with whole_file(folder / PREDICTIONS) as part:
        pq.write_table(table, part, compression="zstd")


def read_answers(folder: Path) -> Answers:
    """Read predictions.parquet.

    Args:
        folder: the run's.

    Raises:
        MissingFileError: the run left no predictions.
        FormatError: the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / PREDICTIONS
    if not path.is_file():
        raise MissingFileError(f"{folder} has no {PREDICTIONS}: no answers to held-out examples were left")
    try:
        table = pq.read_table(path)
        told = table.schema.metadata or {}
        if told.get(b"format") != FORMAT.encode() or tuple(table.column_names) != COLUMNS:
            raise FormatError(f"{path} is no file of predictions (format {FORMAT})")
        classes = tuple(str(name) for name in json.loads(told[b"classes"]))
        number = {name: at for at, name in enumerate(classes)}
        flat = table["probabilities"].combine_chunks().flatten().to_numpy()
        return Answers(
            rows=table["row"].to_numpy(),
            texts=table["text"].to_pylist(),
            truth=np.array([number[label] for label in table["label"].to_pylist()], dtype=np.int64),
            tokens=table["tokens"].to_numpy(),
            probabilities=flat.reshape(-1, len(classes)),
            classes=classes,
        )
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path} is damaged: {' '.join(str(error).split())}") from error
