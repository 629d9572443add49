"""`cutaway vectors train`: word vectors from files of text."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.embeddings.corpus import Sentence
    from cutaway.embeddings.glove import GloVe
    from cutaway.embeddings.ppmi import PPMI
    from cutaway.embeddings.trained import TrainedModel
    from cutaway.embeddings.training import Progress, RunSettings
    from cutaway.embeddings.vectors import WordVectors
    from cutaway.embeddings.word2vec import Word2Vec
    from cutaway.finetuning.runs.recorder import Recorder
    from cutaway.training.history import Listener


def train(
    corpus: Path = typer.Argument(help="A file of text, .gz or Parquet, or a folder of them."),
    out: Path = typer.Option(..., "--out", help="The file to write: .safetensors, .vec, .txt or .bin."),
    model: str = typer.Option("skip-gram", help="skip-gram, cbow, glove or ppmi."),
    objective: str = typer.Option("negatives", help="negatives or hierarchical."),
    subwords: bool = typer.Option(False, "--subwords", help="Words as sums of their character n-grams."),
    dim: int = typer.Option(100, help="Numbers in a vector."),
    window: int | None = typer.Option(
        None, help="How far the context reaches at most; by default 5, GloVe 15."
    ),
    negatives: int = typer.Option(5, help="Noise words for each center."),
    noise: str | None = typer.Option(
        None, help="own, for each pair of words (skip-gram's default), or shared: faster, a little worse."
    ),
    min_count: int = typer.Option(5, help="Rarer words are left out."),
    max_words: int | None = typer.Option(None, help="At most so many words are kept, the most frequent."),
    column: str = typer.Option("text", help="The column of a Parquet file."),
    undecodable: str = typer.Option("strict", help="Bytes that are not UTF-8: strict refuses, replace."),
    subsample: float = typer.Option(1e-3, help="Share of the corpus above which a word is thinned."),
    rate: float | None = typer.Option(None, help="Learning rate at the start; by default 0.025, GloVe 0.05."),
    epochs: int | None = typer.Option(
        None, help="Passes over the corpus, GloVe's over its counts; by default 5, GloVe 25."
    ),
    threads: int = typer.Option(1, help="One gives the same vectors every time; more are faster."),
    schedule: str = typer.Option(
        "free", help="repeatable: several threads give the same vectors every time, slower (GloVe always)."
    ),
    memory: int = typer.Option(1024, help="Megabytes for GloVe's counts; what is beyond goes to disk."),
    seed: int = typer.Option(0, help="Of every random choice."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Train word2vec, fastText, GloVe or PPMI; after an interrupt the same command goes on (PPMI anew)."""
    from cutaway.core.files import check_writable
    from cutaway.embeddings.formats.saving import layout_of

    layout = layout_of(out)
    check_writable(out)  # before minutes of training
    sentences = _sentences(corpus, column, undecodable)
    given: dict[str, Any] = {"dim": dim, "min_count": min_count, "max_words": max_words, "seed": seed}
    given |= {name: value for name, value in {"window": window, "rate": rate}.items() if value is not None}
    if model in ("glove", "ppmi"):
        given |= {"threads": threads, "memory": memory << 20}
        counted = _counted(model, given, epochs, subwords=subwords)
        passes = 25 if epochs is None else epochs
        with _recorded(corpus, out, counted, model=model, epochs=passes) as recorder:
            vectors, told = _factorized(counted, sentences, passes, out, recorder.listener)
            recorder.measured(_measures(told))
    else:
        given |= {"negatives": negatives, "model": model, "objective": objective, "subsample": subsample}
        if subwords and layout == "word2vec-binary":
            layout = "fasttext-binary"  # the n-grams go with the words
        settings = _settings({**given, "noise": noise}, subwords=subwords)
        run, passes = _run(threads, schedule, out), 5 if epochs is None else epochs
        more = {"subwords": subwords, "epochs": passes, "threads": threads, "schedule": schedule}
        with _recorded(corpus, out, settings, **more) as recorder:
            vectors, told = _fitted(settings, sentences, passes, run, recorder.listener)
            recorder.measured(_measures(told))
    vectors.save(out, layout=layout)
    _tell({"file": str(out), "words": len(vectors), "dim": dim, **told}, as_json=json)


def _sentences(corpus: Path, column: str, undecodable: str) -> Iterable[Sentence]:
    from cutaway.core.errors import UsageError
    from cutaway.embeddings.corpus import read_corpus

    if undecodable not in ("strict", "replace"):
        raise UsageError(f"undecodable is {undecodable!r}: expected strict or replace")
    return read_corpus(corpus, column=column, undecodable=undecodable)  # type: ignore[arg-type]


def _settings(given: dict[str, Any], *, subwords: bool) -> Word2Vec:
    """Return the settings of word2vec or fastText, which check themselves; of models name all."""
    from cutaway.core.errors import UsageError
    from cutaway.embeddings.fasttext import FastText
    from cutaway.embeddings.word2vec import Word2Vec

    if given["model"] not in ("skip-gram", "cbow"):
        raise UsageError(f"model is {given['model']!r}: expected skip-gram, cbow, glove or ppmi")
    last_rate = min(1e-4, given.get("rate", 1e-4))
    return (FastText if subwords else Word2Vec)(**given, last_rate=last_rate)


def _run(threads: int, schedule: str, out: Path) -> RunSettings:
    from cutaway.embeddings.training import RunSettings

    return RunSettings(threads=threads, schedule=schedule, state_file=_state_of(out))  # type: ignore[arg-type]


def _state_of(out: Path) -> Path:
    return out.with_name(out.name + ".state")


@contextmanager
def _recorded(corpus: Path, out: Path, settings: Word2Vec | GloVe | PPMI, **more: Any) -> Iterator[Recorder]:
    """Record the training in the folder of runs, for vectors are a single file; let it be stopped."""
    from cutaway.core.home import runs_home
    from cutaway.embeddings.corpus import corpus_sha256
    from cutaway.finetuning.runs.recorder import Plan, recording, settings_of

    plan = Plan(
        kind="vectors",
        folder=runs_home() / f"{out.stem}-{time.strftime('%Y%m%d-%H%M%S')}",
        settings=settings_of(settings, **more, out=str(out.resolve())),
        data={"source": str(corpus), "sha256": corpus_sha256(corpus)},
        seeds={"all": settings.seed},
    )
    with recording(plan) as recorder, _stoppable(_state_of(out)):
        yield recorder


def _measures(told: dict[str, object]) -> dict[str, float]:
    return {name: value for name, value in told.items() if isinstance(value, float)}


@contextmanager
def _stoppable(state: Path) -> Iterator[None]:
    """Let SIGTERM end a training as SIGINT does: with its state on disk, and the code of the signal."""
    from cutaway.core.errors import StoppedError

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt(number)

    owner = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, interrupt) if owner else None
    try:
        yield
    except KeyboardInterrupt as stopped:
        kept = f"{state} holds what was done" if state.exists() else "nothing was done that could be kept"
        raise StoppedError(
            f"stopped: {kept}; run the same again to go on", signal_number=(*stopped.args, signal.SIGINT)[0]
        ) from None
    finally:
        if owner:
            signal.signal(signal.SIGTERM, before)


def _tell(told: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        output.print_json(told)
        return
    units = {"words_per_second": "words/s", "cells_per_second": "cells/s"}
    speeds = [f", {told[name]:,.0f} {unit}" for name, unit in units.items() if name in told]
    shape = f"{told['words']:,} words × {told['dim']} dimensions"
    output.console().print(f"{told['file']}: {shape}{''.join(speeds)}", soft_wrap=True)


def _counted(model: str, chosen: dict[str, Any], epochs: int | None, *, subwords: bool) -> GloVe | PPMI:
    """Return the settings of a model that learns from counts; PPMI has no passes and no rate to choose."""
    from cutaway.core.errors import UsageError
    from cutaway.embeddings.glove import GloVe
    from cutaway.embeddings.ppmi import PPMI

    if subwords:
        raise UsageError(f"model is {model!r}: n-grams of characters go with skip-gram and cbow only")
    if model == "glove":
        return GloVe(**chosen)
    if epochs is not None or "rate" in chosen:
        raise UsageError("model is 'ppmi': one decomposition, without --epochs or --rate")
    return PPMI(**chosen)


def _factorized(
    settings: GloVe | PPMI, corpus: Iterable[Sentence], passes: int, out: Path, record: Listener
) -> tuple[WordVectors, dict[str, object]]:
    """Fit with a bar, GloVe one step a pass, PPMI all at once."""
    from cutaway.embeddings.glove import Pass
    from cutaway.embeddings.ppmi import PPMI
    from cutaway.training.history import Step

    if isinstance(settings, PPMI):
        with output.progress() as bars:
            bars.add_task("training", total=None, note="counting and factorizing")
            return settings.fit(corpus), {}
    heard: list[Pass] = []
    rate = settings.rate
    with output.progress() as bars:
        task = bars.add_task("training", total=None, note="counting words and cells")

        def listen(done: Pass) -> None:
            heard.append(done)
            step = Step(
                step=len(heard),
                loss=done.loss,
                rate=rate,
                gradient_norm=None,
                examples=done.cells,
                seconds=done.seconds,
            )
            record(step, passes)
            speed = done.cells / max(done.seconds, 1e-9)
            note = f"pass {done.number} of {passes}, loss {done.loss:.4f}, {speed:,.0f} cells/s"
            bars.update(task, completed=done.number, total=passes, note=note)

        state = _state_of(out)
        vectors = settings.fit(corpus, epochs=passes, state_file=state, listener=listen)
    if not heard:
        return vectors, {}
    seconds = max(sum(each.seconds for each in heard), 1e-9)
    return vectors, {
        "loss": heard[-1].loss,
        "cells": heard[-1].cells,
        "cells_per_second": heard[-1].cells * len(heard) / seconds,
    }


def _fitted(
    settings: Word2Vec, corpus: Iterable[Sentence], epochs: int, run: RunSettings, record: Listener
) -> tuple[WordVectors, dict[str, object]]:
    """Train with a bar; return the vectors and what was last heard of the training."""
    from cutaway.training.history import Step

    heard: list[Progress] = []
    with output.progress() as bars:
        task = bars.add_task("training", total=None, note="counting words")

        def listen(progress: Progress, model: TrainedModel) -> None:
            words, seconds = _since(heard[-1] if heard else None, progress)
            heard.append(progress)
            step = Step(
                step=len(heard),
                loss=progress.loss,
                rate=progress.rate,
                gradient_norm=None,
                examples=words,
                seconds=seconds,
                tokens=words,
            )
            record(step, None)
            note = (
                f"epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}, "
                f"{progress.words_per_second:,.0f} words/s"
            )
            bars.update(task, completed=progress.words, total=progress.total, note=note)

        vectors = settings.train(corpus, epochs=epochs, run=run, listen=listen).vectors
    if not heard:
        return vectors, {}
    return vectors, {"loss": heard[-1].loss, "words_per_second": heard[-1].words_per_second}


def _since(before: Progress | None, now: Progress) -> tuple[int, float]:
    """Words passed and seconds taken since an earlier report of the same process, or since it began."""
    if before is None:
        return round(now.words_per_second * now.seconds), now.seconds
    return now.words - before.words, now.seconds - before.seconds
