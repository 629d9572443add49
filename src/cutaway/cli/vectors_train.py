"""`cutaway vectors train`: word vectors from files of text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.embeddings.trained import TrainedModel
    from cutaway.embeddings.training import Progress
    from cutaway.embeddings.vectors import WordVectors
    from cutaway.embeddings.word2vec import Word2Vec


def train(
    corpus: Path = typer.Argument(help="A file of text, .gz or Parquet, or a folder of them."),
    out: Path = typer.Option(..., "--out", help="The file to write: .safetensors, .vec, .txt or .bin."),
    model: str = typer.Option("skip-gram", help="skip-gram or cbow."),
    objective: str = typer.Option("negatives", help="negatives or hierarchical."),
    subwords: bool = typer.Option(False, "--subwords", help="Words as sums of their character n-grams."),
    dim: int = typer.Option(100, help="Numbers in a vector."),
    window: int = typer.Option(5, help="How far the context reaches at most."),
    negatives: int = typer.Option(5, help="Noise words for each center."),
    min_count: int = typer.Option(5, help="Rarer words are left out."),
    subsample: float = typer.Option(1e-3, help="Share of the corpus above which a word is thinned."),
    rate: float = typer.Option(0.025, help="Learning rate at the start."),
    epochs: int = typer.Option(5, help="Passes over the corpus."),
    threads: int = typer.Option(1, help="One gives the same vectors every time; more are faster."),
    seed: int = typer.Option(0, help="Of every random choice."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Train word2vec or fastText; the same command goes on from where an interrupt stopped it."""
    from cutaway.embeddings.fasttext import FastText
    from cutaway.embeddings.formats.saving import layout_of
    from cutaway.embeddings.word2vec import Word2Vec

    layout = layout_of(out)  # before minutes of training
    if subwords and layout == "word2vec-binary":
        layout = "fasttext-binary"  # the n-grams go with the words
    kind = FastText if subwords else Word2Vec
    settings = kind(
        dim=dim,
        window=window,
        negatives=negatives,
        model=model,  # type: ignore[arg-type]  # checked by the settings
        objective=objective,  # type: ignore[arg-type]
        subsample=subsample,
        min_count=min_count,
        rate=rate,
        last_rate=min(1e-4, rate),
        seed=seed,
    )
    vectors, last = _fitted(settings, corpus, epochs, threads, out)
    vectors.save(out, layout=layout)
    told: dict[str, object] = {"file": str(out), "words": len(vectors), "dim": dim}
    if last:
        told |= {"loss": last.loss, "words_per_second": last.words_per_second}
    if json:
        output.print_json(told)
        return
    speed = f", {last.words_per_second:,.0f} words/s" if last else ""
    output.console().print(f"{out}: {len(vectors):,} words × {dim} dimensions{speed}", soft_wrap=True)


def _fitted(
    settings: Word2Vec, corpus: Path, epochs: int, threads: int, out: Path
) -> tuple[WordVectors, Progress | None]:
    """Train with a bar; return the vectors and the last that was heard of the training."""
    heard: list[Progress] = []
    with output.progress() as bars:
        task = bars.add_task("training", total=None, note="counting words")

        def listen(progress: Progress, model: TrainedModel) -> None:
            heard[:] = [progress]
            note = (
                f"epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}, "
                f"{progress.words_per_second:,.0f} words/s"
            )
            bars.update(task, completed=progress.words, total=progress.total, note=note)

        state = out.with_name(out.name + ".state")
        vectors = settings.fit(corpus, epochs=epochs, threads=threads, state_file=state, listen=listen)
    return vectors, heard[0] if heard else None
