"""`cutaway runs diff` and `cutaway runs explain`: what happened, in one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cutaway.finetuning.runs.comparison import Comparison, Flip
    from cutaway.finetuning.runs.diff import RunDiff
    from cutaway.finetuning.runs.evidence import Finding
    from cutaway.finetuning.runs.settings import Change

SHOWN_TEXT = 64


def diff(
    first: str = typer.Argument(help="A run: its name, its id or the first digits of it, or its folder."),
    second: str = typer.Argument(help="The run to compare with it."),
    flips: int = typer.Option(3, help="So many flipped examples of each run are shown."),
    json: bool = typer.Option(False, "--json", help="Print JSON, with every flipped example."),
) -> None:
    """Compare two runs: settings, curves, accuracy on the same examples, and whether it is noise."""
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.runs.diff import diff as compare
    from cutaway.finetuning.runs.store import Store

    if flips < 0:
        raise UsageError(f"--flips is a number of examples, 0 or more, not {flips}")
    store = Store.open()
    found = compare(store.find(first), store.find(second))
    if json:
        output.print_json(found.to_json())
        return
    say = output.console().print
    say(found.verdict, soft_wrap=True)
    if found.cause:
        say(found.cause, soft_wrap=True)
    _tell_changes(found)
    _tell_curves(found)
    if found.comparison:
        _tell_comparison(found, found.comparison)
        _tell_flips(found, found.comparison.flips, flips)
    _tell_both(found)
    if found.caveat:
        say(f"\n{found.caveat}", soft_wrap=True)


def explain(
    run: str = typer.Argument(help="A run's name, its id or the first digits of it, or its folder."),
    json: bool = typer.Option(False, "--json", help="Print JSON, with all the evidence."),
) -> None:
    """Read one run: over-fitting, rate, stability, labels, leaks, each with its numbers."""
    from cutaway.finetuning.runs.explain import explain as ask
    from cutaway.finetuning.runs.store import Store

    found = ask(Store.open().find(run))
    if json:
        output.print_json(found.to_json())
        return
    say = output.console().print
    if found.point:
        say(f"{found.record.name}: {found.point.sentence()}", soft_wrap=True)
    if not found.findings:
        say(f"nothing found by {len(found.asked)} rules", soft_wrap=True)
    tell_findings(found.findings)
    for finding in found.findings:
        for row in finding.evidence.get("examples", [])[:5]:
            told = f"  row {row['row'] + 1}, {row['label']}, answered {row['answer']} {row['confidence']:.3f}"
            say(f"{told}: {start_of(row['text'])}", soft_wrap=True)


def tell_findings(findings: Sequence[Finding]) -> None:
    """Print findings, each with what to do.

    Args:
        findings: of a run.
    """
    for finding in findings:
        output.console().print(f"- {finding.rule}: {finding.sentence}\n  → {finding.advice}", soft_wrap=True)


def start_of(text: str) -> str:
    """Return the beginning of a text on one line.

    Args:
        text: any.
    """
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_TEXT else line[: SHOWN_TEXT - 1] + "…"


def _tell_changes(found: RunDiff) -> None:
    say = output.console().print
    names = (found.first.record.name, found.second.record.name)
    if found.settings:
        say("\nsettings that changed")
        output.console().print(_changes(found.settings, names))
    else:
        say("\nno setting changed")
    if found.surroundings:
        say("\nand beside the settings")
        output.console().print(_changes(found.surroundings, names))


def _changes(changed: Sequence[Change], names: tuple[str, str]) -> Any:
    from rich.text import Text

    grid = _grid(("", *names, ""))
    for change in changed:
        times = f"× {change.factor:.3g}" if change.factor else ""
        grid.add_row(*map(Text, (change.name, _short(change.first), _short(change.second), times)))
    return grid


def _tell_curves(found: RunDiff) -> None:
    sides = (found.first, found.second)
    epochs = max(len(side.history.epochs) for side in sides)
    if not epochs:
        return
    say = output.console().print
    say("\ncurves: training loss and held-out loss, nats; ◂ the lowest held-out loss")
    grid = _grid(("epoch", *(side.record.name for side in sides)))
    for at in range(epochs):
        cells = []
        for side in sides:
            told, point = "", side.explanation.point
            if at < len(side.history.epochs):
                epoch = side.history.epochs[at]
                mark = " ◂" if point and epoch.epoch == point.epoch else ""
                told = f"{epoch.training_loss:.4f}  {epoch.validation['loss']:.4f}{mark}"
            cells.append(told)
        grid.add_row(str(at + 1), *cells)
    output.console().print(grid)
    for side in sides:
        if side.explanation.point:
            say(f"{side.record.name}: {side.explanation.point.sentence()}", soft_wrap=True)


def _tell_comparison(found: RunDiff, shared: Comparison) -> None:
    say = output.console().print
    say(f"\non {shared.examples:,} held-out examples of both, with 95 % intervals")
    if shared.only_first or shared.only_second:
        say(
            f"(the held-out examples differ: {shared.only_first:,} that {found.first.record.name} alone and "
            f"{shared.only_second:,} that {found.second.record.name} alone held out are not compared)",
            soft_wrap=True,
        )
    grid = _grid(("", found.first.record.name, found.second.record.name))
    sides = (shared.first, shared.second)
    accuracy = [f"{s.accuracy.value:.1%} ({s.accuracy.low:.1%} to {s.accuracy.high:.1%})" for s in sides]
    loss = [f"{s.log_loss.value:.3f} ({s.log_loss.low:.3f} to {s.log_loss.high:.3f})" for s in sides]
    ways = ["over" if side.overconfidence > 0 else "under" for side in sides]
    gaps = [f"{abs(s.overconfidence):.1%} {way}confident" for s, way in zip(sides, ways, strict=True)]
    grid.add_row("accuracy", *accuracy)
    grid.add_row("log loss", *loss)
    grid.add_row("calibration error", *(f"{side.calibration_error:.3f}" for side in sides))
    grid.add_row("", *gaps)
    output.console().print(grid)
    test = shared.test
    say(
        f"McNemar's test, {test.method}: {test.first_only} right in {found.first.record.name} alone, "
        f"{test.second_only} in {found.second.record.name} alone, p = {test.p:.2g}",
        soft_wrap=True,
    )


def _tell_flips(found: RunDiff, flips: Sequence[Flip], shown: int) -> None:
    if not flips or not shown:
        return
    say = output.console().print
    say(f"\n{len(flips):,} examples flipped; the most confident mistakes of each:")
    for right, side in (("first", found.second), ("second", found.first)):
        own = [flip for flip in flips if flip.right == right]
        if own:
            say(f"{len(own):,} that {side.record.name} alone got wrong", soft_wrap=True)
        for flip in own[:shown]:
            wrong = flip.second if right == "first" else flip.first
            told = f"  said {wrong} {flip.wrong_confidence:.3f}, it is {flip.truth}"
            say(f"{told}: {start_of(flip.text)}", soft_wrap=True)


def _tell_both(found: RunDiff) -> None:
    """What the rules say of each run alone; what they say of both is named once."""
    say = output.console().print
    sides = (found.first, found.second)
    rules = [[finding.rule for finding in side.explanation.findings] for side in sides]
    both = [rule for rule in rules[0] if rule in rules[1]]
    for side in sides:
        own = [finding for finding in side.explanation.findings if finding.rule not in both]
        if own:
            say(f"\n{side.record.name} by itself (cutaway runs explain {side.record.id[:6]})", soft_wrap=True)
            tell_findings(own)
    if both:
        say(f"\nfound in both: {', '.join(both)}", soft_wrap=True)


def _grid(names: Sequence[str]) -> Any:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False)
    for name in names:
        grid.add_column(Text(name))
    return grid


def _short(value: Any) -> str:
    told = "—" if value is None else str(value)
    return told if len(told) <= 40 else told[:12] + "…"
