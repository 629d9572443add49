"""`cutaway verify`: every figure of the README, claimed beside measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from rich.progress import Progress

    from cutaway.verify.claims import Claim

SHOWN = ("says", "claimed", "measured", "verdict")


def verify(
    only: str | None = typer.Option(None, help="Measure this claim alone."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Measure again every figure the README claims; one that cannot be measured says why."""
    from rich.table import Table
    from rich.text import Text

    from cutaway.core.errors import UnknownNameError
    from cutaway.verify.claims import claims
    from cutaway.verify.measures import MEASURES

    chosen = [claim for claim in claims() if only in (None, claim.name)]
    if not chosen:
        raise UnknownNameError(f"no claim is called {only!r}: there are {', '.join(MEASURES)}")
    with output.progress() as bars:
        rows = [_measure(claim, bars) for claim in chosen]
    if json:
        output.print_json(rows)
    else:
        table = Table("what", "claimed", "measured", "verdict", box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(str(row[name] or "")) for name in SHOWN))
        output.console().print(table)
    if any(row["verdict"] == "differs" for row in rows):
        raise typer.Exit(1)


def _measure(claim: Claim, bars: Progress) -> dict[str, object]:
    """One row of the answer: the claim beside what this machine measures."""
    from cutaway.core.errors import OfflineError
    from cutaway.verify.measures import MEASURES, NotMeasuredError

    task = bars.add_task(claim.name, total=None, note="")
    claimed = claim.write(claim.value)
    row: dict[str, object] = {
        "claim": claim.name,
        "says": claim.says,
        "claimed": claimed if claim.holds == "equal" else f"{claim.holds} {claimed}",
        "measured": None,
        "value": None,
    }
    try:
        value = MEASURES[claim.name](lambda done, total: bars.update(task, completed=done, total=total))
    except (NotMeasuredError, OfflineError) as error:
        return {**row, "verdict": f"not measured: {error}"}
    finally:
        bars.remove_task(task)
    verdict = "holds" if claim.borne_out(value) else "differs"
    return {**row, "measured": claim.write(value), "value": value, "verdict": verdict}
