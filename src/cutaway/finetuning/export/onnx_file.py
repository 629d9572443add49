"""An ONNX file of a classifier, checked against PyTorch before it exists, and its int8 form.

Legend: B rows, C classes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import FormatError, MissingFileError
from cutaway.core.files import whole_file
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.graph_classifier import open_graph, run_graph
from cutaway.finetuning.inputs import Row, rows_of

# Rows and their longest length: one short, some ragged, many as long as the model reads.
SHAPES = ((1, 5), (3, 33), (8, 512))
MOST_OFF = 1e-4
_CHECKED_TEXTS = 1000
_AT_A_TIME = 16


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far an exported graph's probabilities lie from PyTorch's.

    Attributes:
        most: the largest difference at the three shapes.
        accuracy: of the classifier on labelled texts; None without any.
        exported: of the graph on the same texts.
        texts: how many they were.
    """

    most: float
    accuracy: float | None = None
    exported: float | None = None
    texts: int = 0


def check_onnx() -> None:
    """See that the packages for ONNX are there.

    Raises:
        MissingFileError: one is not; the message says how to install it.
    """
    import importlib.util

    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingFileError(f'exporting to ONNX needs {missing[0]}: pip install "cutaway[onnx]"')


def write_onnx(
    classifier: Classifier, path: Path, *, numbers: str, labelled: Labelled | None = None
) -> Agreement:
    """Write a graph that was run and compared first.

    Args:
        classifier: adapters merged.
        path: the file.
        numbers: "float32", or "int8" for weights in eight bits, which may differ and is measured.
        labelled: texts to measure the accuracy on, before and after; the first thousand are used.

    Returns:
        How far the answers differ.

    Raises:
        FormatError: a float32 graph's probabilities differ from PyTorch's.
    """
    from onnx import save

    from cutaway.finetuning.export.graph import make_graph

    with whole_file(path) as part:
        save(make_graph(classifier), part)
        if numbers == "int8":
            _round(part)
        session = open_graph(part)
        differences = {shape: _difference(classifier, session, shape) for shape in SHAPES}
        most = max(differences.values())
        if numbers == "float32" and most > MOST_OFF:
            told = ", ".join(f"{rows} x {length}: {off:.2g}" for (rows, length), off in differences.items())
            raise FormatError(
                f"the ONNX graph's probabilities differ from PyTorch's by up to {most:.2g} ({told}), more "
                f"than {MOST_OFF:g}: nothing is written"
            )
        if labelled is None:
            return Agreement(most=most)
        return _scored(classifier, session, labelled, most)


def _round(path: Path) -> None:
    """Replace the weights of products by bytes, each output with a scale of its own."""
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
        made = Path(folder) / "rounded.onnx"
        # It advises on the root logger to prepare the graph, which is made as it should be.
        logging.disable(logging.WARNING)
        try:
            quantize_dynamic(
                path, made, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8
            )
        finally:
            logging.disable(logging.NOTSET)
        path.write_bytes(made.read_bytes())


def _difference(classifier: Classifier, session: Any, shape: tuple[int, int]) -> float:
    """The largest difference on random rows of one shape, lengths from 3 up, the last one full."""
    count, length = shape
    longest = min(length, classifier.settings.inputs.max_tokens)
    random = np.random.default_rng(count)
    lengths = [*random.integers(min(3, longest), longest + 1, count - 1), longest]
    rows = [random.integers(0, classifier.encoder.config.vocabulary, size) for size in lengths]
    return float(np.abs(run_graph(session, rows) - _answers(classifier, rows)).max())


def _scored(classifier: Classifier, session: Any, labelled: Labelled, most: float) -> Agreement:
    """Accuracy of both on the first labelled texts."""
    count = min(_CHECKED_TEXTS, len(labelled))
    rows = rows_of(classifier.tokenizer, labelled.texts[:count], classifier.settings.inputs)
    truth = np.array(list(labelled.labels[:count]))
    classes = np.array(classifier.settings.labels)
    exported = np.concatenate(
        [run_graph(session, rows[at : at + _AT_A_TIME]) for at in range(0, count, _AT_A_TIME)]
    )
    ours = _answers(classifier, rows)

    def accuracy(probabilities: NDArray[np.float32]) -> float:
        return float((classes[probabilities.argmax(1)] == truth).mean())

    return Agreement(most=most, accuracy=accuracy(ours), exported=accuracy(exported), texts=count)


def _answers(classifier: Classifier, rows: Sequence[Row]) -> NDArray[np.float32]:
    found = np.zeros((len(rows), len(classifier.settings.labels)), np.float32)
    for at, answer in classifier.predict_rows(rows):
        found[at] = answer
    return found
