"""Which export writes what, early checks, and the card beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save_file

from cutaway.core.errors import ResourceError, UsageError
from cutaway.core.files import check_writable, whole_file, write_text
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.export.card import write_card
from cutaway.finetuning.export.hugging_face import write_hugging_face
from cutaway.finetuning.export.onnx_file import Agreement, check_onnx, write_onnx
from cutaway.finetuning.graph_classifier import GRAPH, TOKENIZER, write_settings
from cutaway.finetuning.stock import StockClassifier

FORMATS = ("hf", "onnx", "onnx-int8", "merged")
CARD = "README.md"


def check_export(form: str, folder: Path) -> None:
    """See before a model is loaded whether it can be exported.

    Args:
        form: one of `FORMATS`.
        folder: where to.

    Raises:
        UsageError: there is no such format, or the folder holds something else.
    """
    if form not in FORMATS:
        raise UsageError(f"--format is {form!r}: choose one of {', '.join(FORMATS)}")
    if form.startswith("onnx"):
        check_onnx()
    check_writable(folder / CARD)
    if any(folder.iterdir()) and not (folder / CARD).is_file():
        raise UsageError(f"{folder} is not empty and holds no export: name another folder")


def export(
    classifier: Classifier, form: str, folder: Path, *, labelled: Labelled | None = None
) -> Agreement | None:
    """Write a trained classifier for other tools; each file whole or absent, the card last.

    Args:
        classifier: adapters merged.
        form: "hf" for `transformers`, "onnx", "onnx-int8", or "merged" weights.
        folder: made if it is not there.
        labelled: what an ONNX graph's accuracy is measured on.

    Returns:
        How an ONNX graph was checked; None for weights, which are what they were.

    Raises:
        UsageError: it is a checkpoint of the field, not a run.
        ResourceError: the disk has no room for the weights.
    """
    check_export(form, folder)
    if isinstance(classifier, StockClassifier):
        raise UsageError(f"{classifier.settings.base} has the form that others load: exports are of own runs")
    _check_room(classifier, folder)
    writers: dict[str, Callable[[], Agreement | None]] = {
        "hf": lambda: write_hugging_face(classifier, folder),
        "merged": lambda: _write_merged(classifier, folder),
        "onnx": lambda: _write_graph(classifier, folder, "float32", labelled),
        "onnx-int8": lambda: _write_graph(classifier, folder, "int8", labelled),
    }
    agreement = writers[form]()
    write_text(folder / CARD, write_card(classifier, form, agreement))
    return agreement


def _check_room(classifier: Classifier, folder: Path) -> None:
    needed = sum(weight.nbytes for weight in classifier.parameters())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ResourceError(
            f"{folder} has room for {free / 1e6:,.1f} MB, the weights take {needed / 1e6:,.1f} MB: free some"
        )


def _write_graph(classifier: Classifier, folder: Path, numbers: str, labelled: Labelled | None) -> Agreement:
    agreement = write_onnx(classifier, folder / GRAPH, numbers=numbers, labelled=labelled)
    classifier.tokenizer.save(folder / TOKENIZER)
    write_settings(folder, classifier.settings.labels, classifier.settings.inputs, numbers)
    return agreement


def _write_merged(classifier: Classifier, folder: Path) -> None:
    classifier.encoder.save(folder)
    classifier.tokenizer.save(folder / "tokenizer.json")
    with whole_file(folder / "head.safetensors") as part:
        head = {name: weight.detach().contiguous() for name, weight in classifier.head.named_parameters()}
        save_file(head, part)
