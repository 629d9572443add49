"""`cutaway predict MODEL TEXT...` and `cutaway evaluate MODEL DATA`."""

from __future__ import annotations

import typer

from cutaway.cli import output


def predict(
    model: str = typer.Argument(help="A run folder, a run's name, or a catalog name such as sentiment."),
    texts: list[str] = typer.Argument(help="Texts to label; - reads one text from standard input."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Label texts with a trained model."""
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.inputs import check_texts

    given = [output.read_text_argument(text) for text in texts]
    check_texts(given)
    answers = Classifier.load(model).predict(given)
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
