"""Texts to the recurrent classifier: words from room 1, vectors from room 2, the LSTM of room 3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cutaway.catalog.resolve import resolve
from cutaway.core.errors import MissingFileError
from cutaway.core.home import runs_home
from cutaway.core.trace import Trace
from cutaway.embeddings.vectors import WordVectors
from cutaway.finetuning.data import Labelled, split_rows
from cutaway.finetuning.predictions import Predictions
from cutaway.finetuning.runs.curves import write_history
from cutaway.finetuning.runs.labelled_plan import plan_of
from cutaway.finetuning.runs.predictions import Answers, write_answers
from cutaway.finetuning.runs.recorder import Plan, recording, settings_of
from cutaway.recurrent.checkpoint import CONFIG, VectorsUsed, load_classifier, save_classifier
from cutaway.recurrent.classifier import SequenceClassifier
from cutaway.recurrent.evaluate import Examples, class_numbers
from cutaway.recurrent.evaluate import evaluate as evaluate_examples
from cutaway.recurrent.reading import Ids, ids_of, read_positions, rows_of
from cutaway.recurrent.train import TrainSettings, train_classifier
from cutaway.tokenization.word_spans import WordSpan, word_spans
from cutaway.training.loop import History, Listener
from cutaway.training.run_folder import SavingSettings, open_run


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A trained recurrent classifier with the vectors it reads.

    Attributes:
        model: the classifier.
        vectors: its word vectors.
    """

    model: SequenceClassifier
    vectors: WordVectors

    @classmethod
    def load(cls, run_or_name: str | Path) -> Reader:
        """Load a trained classifier and open its vectors.

        Args:
            run_or_name: a run folder, the name of a run under `runs/`, or a catalog name
                ("lstm-sentiment").

        Returns:
            The reader.

        Raises:
            MissingFileError: there is no such folder.
        """
        given = Path(run_or_name)
        folder = next((place for place in (given, runs_home() / given) if place.is_dir()), None)
        if folder is None and (len(given.parts) > 1 or isinstance(run_or_name, Path)):
            raise MissingFileError(f"there is no run folder {given}")
        opened: list[WordVectors] = []

        def open_table(name: str) -> NDArray[np.float32]:
            opened.append(WordVectors.load(name))
            return opened[0].vectors

        model = load_classifier(folder or resolve(str(run_or_name)).folder, open_table)
        return cls(model=model, vectors=opened[0])

    def rows(self, texts: Sequence[str]) -> list[Ids]:
        """Return the ids that are read of each text.

        Args:
            texts: none of them without a word.
        """
        return _rows(texts, self.vectors, self.model)

    def predict(self, texts: Sequence[str]) -> Predictions:
        """Classify texts.

        Args:
            texts: none of them without a word.

        Returns:
            Labels and probabilities, in the order of the texts.
        """
        classes = self.model.settings.labels
        probabilities = self.model.predict(self.rows(texts))
        labels = [classes[best] for best in probabilities.argmax(1)]
        return Predictions(labels=labels, probabilities=probabilities, classes=classes)

    def trace(self, words: Sequence[WordSpan]) -> Trace:
        """Read words on the open path; see `SequenceClassifier.trace`.

        Args:
            words: at least one; of more than the model reads, its head and tail.
        """
        read = read_positions(len(words), self.model.settings.reading)
        spelled = [words[at].text for at in read]
        return self.model.trace(ids_of(spelled, self.vectors.words.find), spelled)

    def evaluate(
        self, labelled: Labelled, *, told: Callable[[int], object] = lambda count: None
    ) -> dict[str, float]:
        """Return the mean loss (nats) and the accuracy on labelled texts.

        Args:
            labelled: texts with their true classes.
            told: called with the number of texts that were just answered.
        """
        truth = class_numbers(labelled.labels, self.model.settings.labels)
        examples = Examples(rows=self.rows(labelled.texts), truth=truth)
        return evaluate_examples(self.model, examples, told=told)


def train_reader(
    labelled: Labelled,
    vectors: str,
    settings: TrainSettings,
    *,
    held_out: int,
    out: Path,
    listen: Listener = lambda event, steps: None,
    saving: SavingSettings | None = None,
) -> tuple[Reader, History]:
    """Train a recurrent classifier over word vectors; the best epoch's weights stay in `out`.

    Args:
        labelled: texts with their classes.
        vectors: a catalog name or a path.
        settings: shape, batches, loop.
        held_out: how many texts to hold out, each class in its share.
        out: the run folder.
        listen: told of each step and each epoch.
        saving: how often its state is kept, and whether an unfinished training of the folder goes on.

    Returns:
        The best reader, and the history.
    """
    keeping = saving or SavingSettings()
    with open_run(out, keeping, mark=CONFIG):
        task = _Reading(labelled, vectors, settings, held_out)
        plan = task.plan(out)
        recipe = {"data": labelled.sha256, "table": asdict(task.used), **plan.settings}
        with recording(plan, listen) as recorder:
            _, history = train_classifier(
                settings,
                task.table.vectors,
                (task.training, task.held),
                keep=lambda model: save_classifier(model, task.used, out),
                listen=recorder.listener,
                checkpoints=keeping.checkpoints(out, recipe),
            )
            reader = Reader.load(out)
            recorder.measured(history.best.validation)
            write_history(out, history)
            write_answers(out, _answers(reader, labelled.pick(task.parts[1]), task.held))
    return reader, history


class _Reading:
    """Labelled texts as ids of a table of vectors, some of them held out."""

    def __init__(self, labelled: Labelled, vectors: str, settings: TrainSettings, held_out: int) -> None:
        self.table = WordVectors.load(vectors)
        self.used = VectorsUsed.of(vectors, self.table.vectors)
        self._labelled, self._vectors, self._settings = labelled, vectors, settings
        truth = class_numbers(labelled.labels, settings.model.labels)
        words = [[word.text for word in word_spans(text)] for text in labelled.texts]
        rows = rows_of(words, self.table.words.find, settings.model.reading)
        self.parts = split_rows(labelled.labels, held_out=held_out, seed=settings.loop.seed)
        self.training, self.held = (
            Examples(rows=[rows[at] for at in part], truth=truth[part]) for part in self.parts
        )

    def plan(self, out: Path) -> Plan:
        """What the store of runs is told at the start."""
        chosen = settings_of(self._settings, vectors=self._vectors)
        return plan_of(self._labelled, self.parts, folder=out, settings=chosen, kind="lstm")


def _answers(reader: Reader, held: Labelled, examples: Examples) -> Answers:
    """What the best reader says of the held-out texts."""
    return Answers(
        rows=np.arange(len(held)) if held.rows is None else held.rows,
        texts=held.texts,
        truth=examples.truth,
        tokens=np.array([len(ids) for ids in examples.rows], dtype=np.int64),
        probabilities=reader.model.predict(examples.rows),
        classes=reader.model.settings.labels,
    )


def _rows(texts: Sequence[str], vectors: WordVectors, model: SequenceClassifier) -> list[Ids]:
    words = [[word.text for word in word_spans(text)] for text in texts]
    return rows_of(words, vectors.words.find, model.settings.reading)
