"""`cutaway predict MODEL TEXT --explain --nearest DATA`: what a label rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.data import Labelled

_WIDTH = 24


def show_reasons(model: str, texts: list[str], nearest: str | None, *, explain: bool, json: bool) -> None:
    """Print for each text its label, its tokens' attributions and the nearest labelled texts.

    Args:
        model: a run folder, a run's name, or a catalog name.
        texts: what to label; `-` reads standard input.
        nearest: a table of labelled texts; None looks for none.
        explain: show the tokens.
        json: print JSON.
    """
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.data import read_labelled
    from cutaway.finetuning.inputs import check_texts

    given = [output.read_text_argument(text) for text in texts]
    check_texts(given)
    labelled = None if nearest is None else read_labelled(nearest)
    classifier = Classifier.load(model)
    found = [_reasons(classifier, text, labelled, explain) for text in given]
    if json:
        output.print_json(found)
        return
    for one in found:
        _print(one)


def _reasons(classifier: Classifier, text: str, labelled: Labelled | None, explain: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from cutaway.finetuning.explained import nearest

    answer = classifier.predict([text])
    told: dict[str, Any] = {
        "text": text,
        "label": answer.labels[0],
        "probabilities": dict(zip(answer.classes, map(float, answer.probabilities[0]), strict=True)),
    }
    if explain:
        trace = classifier.explain(text)
        told["against"] = trace.facts["against"]
        told["tokens"] = [
            {"token": token, "attribution": value}
            for token, value in zip(trace.labels["token"], trace["attribution"].tolist(), strict=True)
        ]
    if labelled is not None:
        told["nearest"] = [asdict(one) for one in nearest(classifier, text, labelled)]
    return told


def _print(told: dict[str, Any]) -> None:
    from rich.table import Table

    console = output.console()
    console.print(f"{told['label']}  {told['probabilities'][told['label']]:.4f}  {_short(told['text'])}")
    if "tokens" in told:
        largest = max(abs(one["attribution"]) for one in told["tokens"]) or 1.0
        table = Table(
            title=f"what each token adds to {told['label']} over {told['against']}", title_justify="left"
        )
        for name in ("token", "added", ""):
            table.add_column(name, justify="right" if name == "added" else "left")
        for one in told["tokens"]:
            share = one["attribution"] / largest
            bar = ("█" if share > 0 else "░") * round(abs(share) * _WIDTH)
            table.add_row(one["token"], f"{one['attribution']:+.3f}".replace("-", "−"), bar)
        console.print(table)
    for one in told.get("nearest", ()):
        console.print(
            f"row {one['row'] + 1}, {one['label']}, cosine {one['similarity']:.3f}: {_short(one['text'])}",
            soft_wrap=True,
        )


def _short(text: str) -> str:
    start = " ".join(text.split())
    return start if len(start) <= 80 else start[:79] + "…"
