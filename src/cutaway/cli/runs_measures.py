"""Measures in the terminal: by class, confusion, reliability."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.finetuning.measures.all_measures import Measures
    from cutaway.finetuning.measures.bootstrap import Interval

SHOWN_CLASSES = 20
WIDTH = 30


def tell_measures(found: Measures) -> None:
    """Print every measure of a run's answers.

    Args:
        found: the measures.
    """
    from rich.table import Table
    from rich.text import Text

    console = output.console()
    areas = [("ROC AUC", found.roc_auc), ("average precision", found.average_precision)]
    console.print(f"\n{found.rows:,} held-out examples, 95 % intervals by bootstrap")
    console.print(f"accuracy {share(found.accuracy)}, macro F1 {share(found.macro_f1)}")
    console.print(
        f"log loss {found.log_loss.value:.4f} nats ({found.log_loss.low:.4f} to {found.log_loss.high:.4f}), "
        f"Matthews {found.matthews:.3f}"
        + "".join(f", {name} {value:.4f}" for name, value in areas if value is not None),
        soft_wrap=True,
    )
    grid = Table("class", "rows", "precision", "recall", "F1", box=None, pad_edge=False)
    for name, scores in list(zip(found.classes, found.by_class, strict=True))[:SHOWN_CLASSES]:
        values = (scores.precision, scores.recall, scores.f1)
        grid.add_row(Text(name), str(scores.support), *(f"{value:.2%}" for value in values))
    console.print(grid)
    if len(found.classes) <= SHOWN_CLASSES:
        matrix = Table("truth \\ answer", box=None, pad_edge=False)
        for name in found.classes:
            matrix.add_column(Text(name))
        for name, counts in zip(found.classes, found.confusion.tolist(), strict=True):
            matrix.add_row(Text(name), *map(str, counts))
        console.print(matrix)
    way = "over" if found.overconfidence > 0 else "under"
    console.print(
        f"calibration error {found.calibration_error:.4f}; {abs(found.overconfidence):.2%} {way}confident"
    )
    for each in found.bins:
        if each.rows:
            bar = "█" * round(WIDTH * each.accuracy)
            at = min(WIDTH - 1, round(WIDTH * each.confidence))
            line = f"{bar:<{WIDTH}}"
            line = line[:at] + "┃" + line[at + 1 :]
            console.print(
                f"  {each.low:4.0%} to {each.high:4.0%} {line} {each.accuracy:4.0%} of {each.rows:,}"
            )


def share(found: Interval) -> str:
    """Return an interval of a share in percent.

    Args:
        found: from 0 to 1.
    """
    return f"{found.value:.2%} ({found.low:.2%} to {found.high:.2%})"
