"""`cutaway generate MODEL PROMPT`: a language model goes on with a text, shown as it is written."""

from __future__ import annotations

import sys

import typer

from cutaway.cli import output

USUAL = 100  # tokens, where the model has room for them


def generate(
    model: str = typer.Argument(help="A GPT-2 checkpoint: a folder, such as a run of `pretrain`, or a name."),
    prompt: str = typer.Argument(help="The text so far; - reads standard input."),
    length: int | None = typer.Option(None, min=1, help="Tokens to write, at most; 100 if there is room."),
    temperature: float = typer.Option(0.8, help="Divides the scores; 0 takes the likeliest."),
    top_k: int | None = typer.Option(None, help="Draw from so many of the likeliest."),
    top_p: float = typer.Option(1.0, help="Draw from the likeliest that together have this probability."),
    seed: int = typer.Option(0, help="Of the draws: the same seed, the same text."),
    json: bool = typer.Option(False, "--json", help="Print JSON, when all is written."),
) -> None:
    """Go on with a text, token by token."""
    from cutaway.core.errors import DataError, FormatError
    from cutaway.tokenization.streaming import stream
    from cutaway.tokenization.tokenizer import Tokenizer
    from cutaway.transformers.gpt import Gpt
    from cutaway.transformers.sampling import Sampling

    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
    start = output.read_text_argument(prompt)
    if not start:
        raise DataError("the prompt is empty: the model goes on from at least one character")
    gpt, tokenizer = Gpt.load(model), Tokenizer.load(model)
    if tokenizer.vocab_size > gpt.config.vocabulary:
        raise FormatError(
            f"{model}: its tokenizer has {tokenizer.vocab_size} tokens, the model {gpt.config.vocabulary}"
        )
    ids = tokenizer.encode(start, special=False).ids
    wanted = length or max(1, min(USUAL, gpt.config.positions - len(ids)))
    drawn = gpt.stream(ids, tokens=wanted, sampling=sampling)
    pieces = stream(drawn, tokenizer.decode)
    if json:
        output.print_json({"prompt": start, "text": "".join(pieces)})
        return
    sys.stdout.write(start)
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")
