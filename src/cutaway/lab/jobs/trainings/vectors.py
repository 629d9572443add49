"""Word vectors learned while one watches: the loss, and who stands next to whom."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cutaway.lab.jobs.asked import VectorTraining
from cutaway.lab.jobs.events import Teller
from cutaway.lab.jobs.trainings.texts import texts_of

if TYPE_CHECKING:
    from cutaway.embeddings.trained import TrainedModel
    from cutaway.embeddings.training import Progress
    from cutaway.embeddings.vectors import WordVectors

FILE = "vectors.safetensors"
BETWEEN_LOOKS = 1.0  # seconds
NEIGHBORS = 6


def train_vectors(asked: VectorTraining, teller: Teller, out: Path) -> dict[str, Any]:
    """Learn vectors.

    Args:
        asked: texts and settings.
        teller: of the job.
        out: takes vectors.safetensors; a state file, if it was stopped.

    Returns:
        How many words, and the neighbors of those that are watched.
    """
    from cutaway.embeddings.training import RunSettings
    from cutaway.embeddings.word2vec import Word2Vec

    teller.event("began", title=f"{asked.model} vectors", x="words read", curves=("loss, nats",))
    settings = Word2Vec(
        dim=asked.dim,
        window=asked.window,
        model=asked.model,
        min_count=asked.min_count,
        # In a text of a few sentences every word is frequent: thinned out, there would be nothing to learn.
        subsample=0.0 if asked.data.text is not None else 1e-3,
        seed=asked.seed,
    )
    looked = time.monotonic()

    def listen(progress: Progress, model: TrainedModel) -> None:
        nonlocal looked
        note = f"epoch {progress.epoch} of {progress.epochs}, {progress.words_per_second:,.0f} words/s"
        teller.point("loss, nats", progress.words, progress.loss)
        teller.progress(progress.words, progress.total, note)
        if time.monotonic() - looked >= BETWEEN_LOOKS:
            looked = time.monotonic()
            teller.event("snapshot", words=progress.words, neighbors=_neighbors(model.vectors, asked.watch))

    run = RunSettings(state_file=out / "state")
    trained = settings.train(
        texts_of(asked.data, asked.seed), epochs=asked.epochs, run=run, listen=listen
    ).vectors
    trained.save(out / FILE)
    return {
        "words": len(trained),
        "dim": asked.dim,
        "frequent": list(trained.words)[:NEIGHBORS],
        "neighbors": _neighbors(trained, asked.watch),
    }


def _neighbors(vectors: WordVectors, watched: tuple[str, ...]) -> list[dict[str, Any]]:
    """Tell the nearest of each watched word that is known; of the most frequent words if none is."""
    known = [word for word in watched if word in vectors] or list(vectors.words)[:3]
    return [
        {"word": word, "near": [[other, float(cosine)] for other, cosine in vectors.most_similar(word)]}
        for word in known
    ]
