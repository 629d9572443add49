"""A classifier exported as an ONNX graph: it answers without PyTorch, which takes a second to load.

Legend: B rows, C classes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import ChecksumError, CutawayError, FormatError, MissingFileError
from cutaway.core.files import sha256_of, write_text
from cutaway.core.home import runs_home
from cutaway.finetuning.inputs import InputSettings, Row, rows_of
from cutaway.finetuning.predictions import Predictions, check_threshold, labels_of
from cutaway.tokenization.tokenizer import Tokenizer

FORMAT = "cutaway-onnx/1"
GRAPH, CONFIG, TOKENIZER = "model.onnx", "config.json", "tokenizer.json"
Numbers = Literal["float32", "int8"]
_AT_A_TIME = 16


@dataclass(frozen=True, kw_only=True)
class GraphSettings:
    """What a graph's folder says of it.

    Attributes:
        labels: the classes, in the order of the scores.
        inputs: how much of a text is read.
        numbers: what the weights are stored in.
        sha256: of the graph.
    """

    labels: tuple[str, ...]
    inputs: InputSettings
    numbers: Numbers
    sha256: str


class GraphClassifier:
    """Answers as the classifier does from which the graph was exported.

    Args:
        settings: of the graph.
        session: of onnxruntime.
        tokenizer: the classifier's.
    """

    def __init__(self, settings: GraphSettings, session: Any, tokenizer: Tokenizer) -> None:
        self.settings, self.tokenizer, self._session = settings, tokenizer, session

    @classmethod
    def load(cls, folder: str | Path) -> GraphClassifier:
        """Load what `cutaway export --format onnx` wrote.

        Args:
            folder: holds model.onnx, config.json and tokenizer.json.

        Raises:
            MissingFileError: a file, or onnxruntime, is not there.
            ChecksumError: the graph is not the one that was exported.
        """
        place = Path(folder)
        for name in (GRAPH, CONFIG, TOKENIZER):
            if not (place / name).is_file():
                raise MissingFileError(f"{place} is no exported graph: it lacks {name}")
        settings = read_settings(place / CONFIG)
        # The graph is hashed and laid out while the tokenizer is read: a fifth of all the time.
        with ThreadPoolExecutor(2) as beside:
            hashed, opened = (beside.submit(work, place / GRAPH) for work in (sha256_of, open_graph))
            tokenizer = Tokenizer.load(place / TOKENIZER)
        if hashed.result() != settings.sha256:
            raise ChecksumError(
                f"{place / GRAPH} has sha256 {hashed.result()[:12]}…, its config says "
                f"{settings.sha256[:12]}…: the file was damaged or replaced, export it again"
            )
        return cls(settings, opened.result(), tokenizer)

    def predict(self, texts: Sequence[str], *, threshold: float | None = None) -> Predictions:
        """Classify texts.

        Args:
            texts: none of them empty.
            threshold: as for `Classifier.predict`.

        Returns:
            Labels and probabilities, in the order of the texts.
        """
        classes = self.settings.labels
        check_threshold(threshold, classes)
        rows = rows_of(self.tokenizer, texts, self.settings.inputs)
        probabilities = np.zeros((len(rows), len(classes)), np.float32)
        for at in range(0, len(rows), _AT_A_TIME):
            probabilities[at : at + _AT_A_TIME] = run_graph(self._session, rows[at : at + _AT_A_TIME])
        return Predictions(
            labels=labels_of(probabilities, classes, threshold),
            probabilities=probabilities,
            classes=classes,
            precision=self.settings.numbers,
        )


def find_graph(name: str | Path) -> Path | None:
    """Return the folder of an exported graph, by path or by name under `runs/`; None if it is none.

    Args:
        name: of anything.
    """
    for folder in (Path(name), runs_home() / name):
        if folder.is_dir():
            return folder if (folder / GRAPH).is_file() and (folder / CONFIG).is_file() else None
    return None


def write_settings(folder: Path, labels: Sequence[str], inputs: InputSettings, numbers: str) -> None:
    """Write config.json beside a graph.

    Args:
        folder: holds model.onnx.
        labels: the classes, in the order of the scores.
        inputs: how much of a text is read.
        numbers: "float32" or "int8".
    """
    told = {"labels": list(labels), "inputs": asdict(inputs), "numbers": numbers}
    fields = {"format": FORMAT, **told, "sha256": sha256_of(folder / GRAPH)}
    write_text(folder / CONFIG, json.dumps(fields, indent=2) + "\n")


def read_settings(path: Path) -> GraphSettings:
    """Read what `write_settings` wrote.

    Args:
        path: the config.json.

    Raises:
        FormatError: it is damaged, or describes something else.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != FORMAT or told["numbers"] not in get_args(Numbers):
            raise FormatError(f"{path} does not describe a {FORMAT} graph")
        return GraphSettings(
            labels=tuple(map(str, told["labels"])),
            inputs=InputSettings(**told["inputs"]),
            numbers=told["numbers"],
            sha256=str(told["sha256"]),
        )
    except CutawayError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"{path} does not describe a {FORMAT} graph: {error!r}") from error


def open_graph(path: Path) -> Any:
    """Return a session of onnxruntime on the processor.

    Args:
        path: the graph.

    Raises:
        MissingFileError: onnxruntime is not installed.
        FormatError: it cannot read the file.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingFileError('an ONNX graph needs onnxruntime: pip install "cutaway[onnx]"') from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of several classes, which the package does not name in public
        raise FormatError(f"{path} is not a readable graph: {' '.join(str(error).split())[:200]}") from error


def run_graph(session: Any, rows: Sequence[Row]) -> NDArray[np.float32]:
    """Return a graph's probabilities.

    Args:
        session: of onnxruntime.
        rows: ids of each text.

    Returns:
        (B, C) float32.
    """
    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)], mask[at, : len(row)] = row, 1
    logits = session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]
    powers = np.exp(logits - logits.max(1, keepdims=True))
    shares: NDArray[np.float32] = powers / powers.sum(1, keepdims=True)
    return shares
