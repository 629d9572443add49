"""`cutaway predict MODEL TEXT...` and `cutaway evaluate MODEL DATA`."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.finetuning.precision import Asked
    from cutaway.finetuning.predict_file import FileSettings
    from cutaway.finetuning.predictions import Predictions


def predict(
    model: str = typer.Argument(
        help="A run folder, a run's name, a catalog name such as sentiment, or an ONNX export of one, which "
        "answers a text soonest."
    ),
    texts: list[str] | None = typer.Argument(
        None, help="Texts to label; - reads one text from standard input."
    ),
    source: Path | None = typer.Option(
        None, "--input", help="A .csv, .tsv, .jsonl, .parquet or .arrow file of texts, or -."
    ),
    target: Path | None = typer.Option(
        None, "--output", help="The .csv, .tsv, .jsonl or .parquet file to write; started again it goes on."
    ),
    text: str | None = typer.Option(None, help="The column of texts; found if not given."),
    threshold: float | None = typer.Option(
        None, help="Label `abstain` what is less likely than this, 0 to 1."
    ),
    precision: str | None = typer.Option(
        None, help="float32, bfloat16, int16, int8, or auto: the fastest that agrees. For a file auto."
    ),
    undecodable: str = typer.Option("strict", help="Bytes that are not UTF-8: strict, or replace."),
    explain: bool = typer.Option(False, "--explain", help="Show what each token did for the label."),
    nearest: str | None = typer.Option(
        None, help="Show the texts of this table (the training data) that the model reads most alike."
    ),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Label texts, or a file of them, with a trained model."""
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.graph_classifier import find_graph

    given = texts or []
    if bool(given) == bool(source) or bool(source) != bool(target):
        raise UsageError("give texts, or both --input and --output")
    graph = find_graph(model)
    if graph is not None:
        if source or explain or nearest is not None:
            raise UsageError(f"{graph} is an ONNX graph: for --input, --explain and --nearest name the run")
        _predict_by_graph(graph, given, precision, threshold, json)
        return
    from cutaway.finetuning.precision import check_precision

    if given and (explain or nearest is not None):
        from cutaway.cli.explaining import show_reasons

        show_reasons(model, given, nearest, explain=explain, json=json)
        return
    if source is None or target is None:
        asked = check_precision(precision or "float32")
        _predict_texts(model, given, asked, threshold, json)
        return
    settings = _file_settings(text, precision or "auto", threshold, undecodable)
    _predict_file(model, source, target, settings, json)


def _file_settings(
    text: str | None, precision: str, threshold: float | None, undecodable: str
) -> FileSettings:
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.precision import check_precision
    from cutaway.finetuning.predict_file import FileSettings

    if undecodable not in ("strict", "replace"):
        raise UsageError(f"--undecodable must be strict or replace, not {undecodable!r}")
    return FileSettings(
        text=text,
        precision=check_precision(precision),
        threshold=threshold,
        undecodable=undecodable,  # type: ignore[arg-type]
    )


def _predict_texts(
    model: str, texts: list[str], precision: Asked, threshold: float | None, json: bool
) -> None:
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.inputs import check_texts

    given = [output.read_text_argument(text) for text in texts]
    check_texts(given)
    answers = Classifier.load(model).predict(given, precision=precision, threshold=threshold)
    _tell(given, answers, json)


def _predict_by_graph(
    folder: Path, texts: list[str], precision: str | None, threshold: float | None, json: bool
) -> None:
    """Answer without importing torch, which alone takes a second."""
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.graph_classifier import GraphClassifier
    from cutaway.finetuning.inputs import check_texts

    given = [output.read_text_argument(text) for text in texts]
    check_texts(given)
    graph = GraphClassifier.load(folder)
    if precision not in (None, "auto", graph.settings.numbers):
        raise UsageError(f"{folder} holds a graph in {graph.settings.numbers}, not in {precision}")
    _tell(given, graph.predict(given, threshold=threshold), json)


def _tell(given: list[str], answers: Predictions, json: bool) -> None:
    if answers.note:
        output.warn(answers.note)
    rows = [
        {
            "text": text,
            "label": label,
            "probabilities": dict(zip(answers.classes, map(float, p), strict=True)),
        }
        for text, label, p in zip(given, answers.labels, answers.probabilities, strict=True)
    ]
    if json:
        output.print_json(rows)
        return
    for row, p in zip(rows, answers.probabilities, strict=True):
        start = " ".join(str(row["text"]).split())
        shown = start if len(start) <= 80 else start[:79] + "…"
        output.console().print(f"{row['label']}  {p.max():.4f}  {shown}", soft_wrap=True)


def _predict_file(model: str, source: Path, target: Path, settings: FileSettings, json: bool) -> None:
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.predict_file import predict_file

    classifier = Classifier.load(model)
    started, first = perf_counter(), -1
    with output.progress() as bars:
        task = bars.add_task("predicting", total=None, note="")

        def told(done: int, total: int) -> None:
            nonlocal first
            first = done if first < 0 else first
            speed = (done - first) / (perf_counter() - started)
            bars.update(task, completed=done, total=total, note=f"{speed:,.0f} rows/s")

        try:
            report = predict_file(classifier, source, target, settings, told=told)
        except KeyboardInterrupt:
            output.warn("what was predicted is kept: the same command goes on from there")
            raise
    if report.chosen.note:
        output.warn(report.chosen.note)
    if json:
        told_rows = {"rows": report.rows, "resumed": report.resumed, "labels": report.labels}
        output.print_json({"output": str(target), **told_rows, "precision": report.chosen.precision})
        return
    counts = ", ".join(f"{count:,} {label}" for label, count in report.labels.items())
    resumed = f", {report.resumed:,} of them from before" if report.resumed else ""
    output.console().print(
        f"{target}: {report.rows:,} rows{resumed}: {counts} ({report.chosen.precision})", soft_wrap=True
    )


def evaluate(
    model: str = typer.Argument(help="A run folder, a run's name, or a catalog name such as sentiment."),
    data: str = typer.Argument(help="A table of texts and labels, or a catalog name (its test split)."),
    precision: str = typer.Option("float32", help="float32, or bfloat16 where the processor has it."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Score a trained model on labelled texts."""
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.data import read_labelled
    from cutaway.finetuning.evaluate import evaluate as score

    if precision not in ("float32", "bfloat16"):
        raise UsageError(f"precision must be float32 or bfloat16, not {precision!r}")
    labelled = read_labelled(data, split="test")
    classifier = Classifier.load(model)
    with output.progress() as bars:
        task = bars.add_task("scoring", total=len(labelled), note="")
        measures = score(
            classifier,
            labelled,
            precision=precision,  # type: ignore[arg-type]
            told=lambda count: bars.update(task, advance=count),
        )
    if json:
        output.print_json({"model": model, "data": labelled.source, "rows": len(labelled), **measures})
        return
    output.console().print(
        f"{labelled.source}: {len(labelled)} rows, accuracy {measures['accuracy']:.2%}, "
        f"loss {measures['loss']:.4f} nats, calibration error {measures['calibration_error']:.4f}",
        soft_wrap=True,
    )
