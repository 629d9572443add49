"""`cutaway catalog list|fetch|verify`: what is known by name, and whether it is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.catalog.entry import Entry

app = typer.Typer(no_args_is_help=True, help="Known data and models: list, fetch, verify.")


@app.command("list")
def list_entries(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """List every known name, what it is, and where it lies on this machine."""
    from cutaway.catalog.entry import entries

    rows = [_row(known) for known in entries().values()]
    if json:
        output.print_json(rows)
        return
    for row in rows:
        output.console().print(
            f"{row['name']}  ({row['kind']}, {row['megabytes']} MB, {row['license']})", style="bold"
        )
        output.console().print(f"  {row['title']}\n  here: {row['here']}", soft_wrap=True)


@app.command()
def fetch(name: str = typer.Argument(help="A catalog name.")) -> None:
    """Bring an entry's files to this machine and verify them."""
    from cutaway.catalog.resolve import resolve

    with output.progress() as bars:
        task = bars.add_task(name, total=None, note="")

        def report(file: str, done: int, total: int) -> None:
            bars.update(task, description=file, completed=done, total=total or None)

        found = resolve(name, report=report)
    output.console().print(f"{name}: {found.folder} ({found.origin})", soft_wrap=True)


@app.command()
def verify(
    name: str | None = typer.Argument(None, help="A catalog name; all that are here, if none is given."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Hash the files of one entry, or of all that are here, against the record."""
    from cutaway.catalog import resolve
    from cutaway.catalog.entry import entries, entry

    wanted = (
        [entry(name)]
        if name
        else [
            known
            for known in entries().values()
            if resolve.locate(known) or resolve.locate(known, "tokenizer")
        ]
    )
    rows = []
    for known in wanted:
        found = resolve.verify(known)
        rows += [
            {"name": known.name, "file": file, "path": str(path), "ok": True}
            for file, path in found.files.items()
        ]
    if json:
        output.print_json(rows)
        return
    for row in rows:
        output.console().print(f"ok  {row['name']}  {row['file']}", soft_wrap=True)


def _row(known: Entry) -> dict[str, object]:
    from cutaway.catalog.resolve import locate
    from cutaway.core.errors import ChecksumError

    try:
        found, alone = locate(known), locate(known, "tokenizer")
        here = found.origin if found else f"only its tokenizer ({alone.origin})" if alone else "no"
    except ChecksumError:
        here = "damaged"
    size = sum(file.bytes for file in known.sources[0].files)
    return {
        "name": known.name,
        "kind": known.kind,
        "megabytes": round(size / 1e6, 1),
        "license": known.license,
        "here": here,
        "title": known.title,
        "citation": known.citation,
    }
