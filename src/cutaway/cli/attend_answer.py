"""`cutaway attend --explain`: what an answer is made of, what changes it, which tokens it leans on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cutaway.core.render import number

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cutaway.finetuning.asking import Asked
    from cutaway.transformers.explanation import Explanation, PartShare

_BAR = 12
EIGHTHS: tuple[str, ...] = ("", *"▏▎▍▌▋▊▉")


def draw_answer(explained: Explanation, asked: Asked, *, top: int) -> RenderableType:
    """Return the ledger, the ablation and the tokens' attributions as tables.

    Args:
        explained: the answer.
        asked: how it came about.
        top: how many parts and heads to show.

    Returns:
        Something to print with rich.
    """
    from rich.console import Group
    from rich.text import Text

    from cutaway.transformers.explanation import WARNING

    chances = ", ".join(f"{name} {number(chance)}" for name, chance in asked.likeliest)
    return Group(
        Text(f"likeliest: {chances}"),
        Text(f"{explained.question.readout.name} = {number(explained.answer)}", style="bold"),
        *_ledger(explained, top),
        *_ablation(explained, top),
        *_tokens(explained),
        Text(f"\n{WARNING}", style="dim"),
    )


def answer_json(explained: Explanation, asked: Asked) -> dict[str, Any]:
    """Return the same as plain values, every part and token in it.

    Args:
        explained: the answer.
        asked: how it came about.
    """
    integrated = explained.integrated
    return {
        "tokens": list(explained.question.labels),
        "likeliest": [{"answer": name, "probability": chance} for name, chance in asked.likeliest],
        "explained": explained.question.readout.name,
        "answer": explained.answer,
        "sum_of_parts": float(explained.ledger["total"]),
        "parts": [
            {
                "part": part.name,
                "layer": part.layer,
                "head": part.head,
                "contribution": part.contribution,
                "change_without": part.change,
            }
            for part in explained.parts()
        ],
        "gradient_times_input": explained.slopes["attribution"].astype(float).tolist(),
        "integrated_gradients": integrated["attribution"].astype(float).tolist(),
        "baseline_answer": float(integrated["baseline_answer"]),
    }


def bar(value: float, largest: float) -> str:
    """Return a bar of blocks, as long as the value is large.

    Args:
        value: of any sign.
        largest: what fills the bar.

    Example:
        >>> bar(-1.0, 2.0), bar(0.0, 2.0)
        ('██████', '')
    """
    eighths = int(abs(value) / largest * _BAR * 8 + 0.5) if largest else 0
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8]


def _ledger(explained: Explanation, top: int) -> list[Any]:
    from rich.text import Text

    parts = explained.parts()
    shown, rest = parts[:top], parts[top:]
    largest = max(abs(part.contribution) for part in parts)
    table = _table("part", "wrote", "")
    for part in shown:
        table.add_row(part.name, _signed(part.contribution), _drawn(part.contribution, largest))
    if rest:
        table.add_row(f"{len(rest)} other parts", _signed(math.fsum(part.contribution for part in rest)), "")
    total = float(explained.ledger["total"])
    table.add_row("sum", number(total), f"off by {abs(total - explained.answer):.0e}")
    return [Text("\nThe ledger: what each part wrote towards it", style="bold"), table]


def _ablation(explained: Explanation, top: int) -> list[Any]:
    from rich.text import Text

    parts = [part for part in explained.parts() if part.change is not None]
    parts = sorted(parts, key=lambda part: -abs(_change(part)))[:top]
    largest = max(abs(_change(part)) for part in parts)
    table = _table("without", "change", "", "had written")
    for part in parts:
        change = _change(part)
        table.add_row(part.name, _signed(change), _drawn(change, largest), _signed(part.contribution))
    return [Text("\nAblation: the answer's change without a part", style="bold"), table]


def _tokens(explained: Explanation) -> list[Any]:
    from rich.text import Text

    slopes, integrated = explained.slopes["attribution"], explained.integrated["attribution"]
    largest = max(float(abs(slopes).max()), float(abs(integrated).max()))
    table = _table("token", "gradient × input", "", "integrated gradients", "")
    for token, slope, whole in zip(explained.question.labels, slopes, integrated, strict=True):
        table.add_row(token, _signed(slope), _drawn(slope, largest), _signed(whole), _drawn(whole, largest))
    table.add_row("sum", _signed(slopes.sum()), "", _signed(integrated.sum()), "")
    start = float(explained.integrated["baseline_answer"])
    about = (
        f"integrated from zero vectors, where the answer is {number(start)}, to {number(explained.answer)}"
    )
    return [Text("\nTokens: which ones it leans on", style="bold"), table, Text(about, style="dim")]


def _table(*names: str) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for at, name in enumerate(names):
        table.add_column(Text(name), justify="right" if at and name else "left", no_wrap=True)
    return _Plain(table)


class _Plain:
    """A table whose cells are text, never markup."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def add_row(self, *cells: Any) -> None:
        from rich.text import Text

        self._table.add_row(*[cell if isinstance(cell, Text) else Text(cell) for cell in cells])

    def __rich__(self) -> Any:
        return self._table


def _drawn(value: float, largest: float) -> Any:
    from rich.text import Text

    return Text(bar(value, largest), style="blue" if value >= 0 else "yellow")


def _change(part: PartShare) -> float:
    return part.change or 0.0


def _signed(value: float) -> str:
    return f"+{number(value)}" if value > 0 else number(float(value))
