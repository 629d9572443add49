"""`cutaway lab`: the web lab on this machine."""

from __future__ import annotations

import sys

import typer

from cutaway.cli import output


def lab(
    port: int = typer.Option(7007, "--port", min=0, max=65_535, help="Where to listen; 0 takes a free one."),
    open_page: bool = typer.Option(False, "--open", help="Open the page in the browser."),
) -> None:
    """Serve the lab on 127.0.0.1 until Ctrl-C."""
    from cutaway.lab.app import create_app
    from cutaway.lab.serve import HOST, open_socket, serve

    app = create_app()
    listening = open_socket(port)
    address = f"http://{HOST}:{listening.getsockname()[1]}"
    output.console().print(f"The lab is at {address} (Ctrl-C ends it)", soft_wrap=True)
    if open_page:
        import webbrowser

        webbrowser.open(address)
    # The command line takes --debug out of the arguments before it gets here.
    serve(app, listening, log="tracebacks" if "--debug" in sys.argv else "silent")
