"""`cutaway export MODEL`: a trained classifier for other tools."""

from __future__ import annotations

from pathlib import Path

import typer

from cutaway.cli import output


def export(
    model: str = typer.Argument(help="A run folder, a run's name, or a catalog name such as sentiment."),
    form: str = typer.Option("hf", "--format", help="hf (transformers), onnx, onnx-int8, or merged weights."),
    out: Path = typer.Option(..., help="The folder to write."),
    data: str | None = typer.Option(None, help="Labelled texts to measure an ONNX graph's accuracy on."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Write a trained model for other tools, checked before it is written."""
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.export.exporting import check_export
    from cutaway.finetuning.export.exporting import export as write

    check_export(form, out)
    labelled = None
    if data is not None:
        from cutaway.finetuning.data import draw, read_labelled

        labelled = draw(read_labelled(data, split="test"), 1000, seed=0)
    agreement = write(Classifier.load(model), form, out, labelled=labelled)
    files = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    if json:
        told = {} if agreement is None else {"most_off": agreement.most}
        if agreement and agreement.accuracy is not None:
            told |= {"accuracy": agreement.accuracy, "exported_accuracy": agreement.exported or 0.0}
        output.print_json({"folder": str(out), "format": form, "files": files, **told})
        return
    output.console().print(f"{out}: {', '.join(files)}", soft_wrap=True)
    if agreement is None:
        return
    output.console().print(
        f"probabilities differ from PyTorch's by at most {agreement.most:.2g} at three shapes", soft_wrap=True
    )
    if agreement.accuracy is not None and agreement.exported is not None:
        output.console().print(
            f"accuracy on {agreement.texts:,} texts: {agreement.accuracy:.2%} in PyTorch, "
            f"{agreement.exported:.2%} exported",
            soft_wrap=True,
        )
    elif form == "onnx-int8":
        output.warn("its accuracy was not measured: --data names labelled texts for that")
