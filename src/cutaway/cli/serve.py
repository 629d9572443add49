"""`cutaway serve MODEL...`: trained classifiers over HTTP."""

from __future__ import annotations

import os
import sys

import typer

from cutaway.cli import output


def serve(
    models: list[str] = typer.Argument(help="Run folders, runs' names, or catalog names such as sentiment."),
    port: int = typer.Option(7008, "--port", min=0, max=65_535, help="Where to listen; 0 takes a free one."),
    host: str = typer.Option(
        "127.0.0.1", help="The address; any but loopback needs a secret in CUTAWAY_TOKEN, sent as Bearer."
    ),
    wait: float = typer.Option(2.0, help="Milliseconds that a batch waits for more, under traffic."),
    batch_tokens: int = typer.Option(4096, help="Tokens in a batch, about."),
    queue: int = typer.Option(256, help="Texts that may wait; more are answered 429."),
    most_texts: int = typer.Option(64, help="Texts in one request, at most."),
    timeout: float = typer.Option(30.0, help="Seconds that an answer may take."),
    precision: str = typer.Option("float32", help="float32, or bfloat16, int16, int8 where answers agree."),
) -> None:
    """Serve trained models over HTTP until SIGTERM or Ctrl-C: /v1/predict, /v1/models, /health, /metrics."""
    from cutaway.finetuning.precision import check_precision
    from cutaway.lab.serve import open_socket
    from cutaway.lab.serving.app import AccessSettings, create_server
    from cutaway.lab.serving.batching import BatchSettings
    from cutaway.lab.serving.metrics import Metrics
    from cutaway.lab.serving.process import check_access, run
    from cutaway.lab.serving.served import load_models
    from cutaway.lab.serving.state import RequestLimits

    token = os.environ.get("CUTAWAY_TOKEN") or None
    check_access(host, token)
    access = AccessSettings(token=token, limits=RequestLimits(texts=min(most_texts, queue), seconds=timeout))
    batches = BatchSettings(wait=wait / 1000, tokens=batch_tokens, waiting=queue)
    asked = check_precision(precision)
    metrics = Metrics()
    with open_socket(port, host) as listening:
        served = load_models(models, batches, metrics, precision=asked)
        for model in served.values():
            if model.note:
                output.warn(f"{model.name}: {model.note}")
        address = f"http://{host}:{listening.getsockname()[1]}"
        names = ", ".join(f"{model.name} ({model.version})" for model in served.values())
        output.console().print(f"Serving {names} at {address} (Ctrl-C ends it)", soft_wrap=True)
        sys.stdout.flush()
        # The command line takes --debug out of the arguments before it gets here.
        log = "tracebacks" if "--debug" in sys.argv else "silent"
        run(create_server(served, metrics, access), listening, log=log)  # type: ignore[arg-type]
    output.warn("stopped: every request that came in is answered")
