"""From a model's name and a text to a question that can be explained: why this label, why this word?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor

from cutaway.catalog.entry import entries
from cutaway.core.errors import UsageError
from cutaway.core.home import runs_home
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.inputs import rows_of
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.transformers.bert import Bert
from cutaway.transformers.checkpoint import find_checkpoint
from cutaway.transformers.config_json import read_config, read_fields
from cutaway.transformers.encoders import BODIES
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.head_maps import HEADS
from cutaway.transformers.packing import IntArray, PackedBatch
from cutaway.transformers.question import Question, as_row
from cutaway.transformers.questions import why_label, why_mean, why_next, why_word
from cutaway.transformers.tasks import MaskedWords, SequenceLabels

Answers = Literal["labels", "words", "next words", "none"]
Task = Classifier | SequenceLabels | MaskedWords | Gpt | Bert

_SHOWN = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """A model by name, whatever it answers with.

    Attributes:
        name: what it was called.
        answers: what kind of answers it gives; a bare encoder gives none.
        task: the model with its head.
        tokenizer: its own.
    """

    name: str
    answers: Answers
    task: Task
    tokenizer: Tokenizer

    @property
    def body(self) -> Bert | Gpt:
        """What turns ids into vectors."""
        if isinstance(self.task, Classifier):
            return self.task.encoder
        return self.task if isinstance(self.task, Bert | Gpt) else self.task.body

    def read(self, text: str) -> Read:
        """Turn a text into what the model reads.

        Args:
            text: any; a classifier reads as much as it was trained on.
        """
        if isinstance(self.task, Classifier):
            row = rows_of(self.tokenizer, [text], self.task.settings.inputs)[0]
            return Read(ids=as_row(row), tokens=[str(token[0]) for token in self.task.token_rows(text)])
        encoding = self.tokenizer.encode(text)
        return Read(ids=as_row(encoding.ids), tokens=list(encoding.tokens))


@dataclass(frozen=True, kw_only=True, eq=False)
class Read:
    """A text as a model reads it.

    Attributes:
        ids: (T,) int64.
        tokens: a label for each.
    """

    ids: IntArray
    tokens: list[str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """A question about a text.

    Attributes:
        question: the answer to explain.
        likeliest: the likeliest answers and their probabilities.
    """

    question: Question
    likeliest: tuple[tuple[str, float], ...]


def open_model(name: str | Path) -> Opened:
    """Load a model with the head that its checkpoint has.

    Args:
        name: a catalog name, a checkpoint folder, a classifier or a run.

    Returns:
        The model, ready to answer; a checkpoint without a head answers nothing, and still attends.
    """
    if _is_classifier(name):
        classifier = Classifier.load(name)
        return Opened(name=str(name), answers="labels", task=classifier, tokenizer=classifier.tokenizer)
    config = find_checkpoint(name).config
    family, _ = read_config(config, (*BODIES, "gpt2"))
    tokenizer = Tokenizer.load(name)
    if family == "gpt2":
        return Opened(name=str(name), answers="next words", task=Gpt.load(name), tokenizer=tokenizer)
    told = read_fields(config).get("architectures")
    architectures = told if isinstance(told, list) else []
    if HEADS["a label a text"][family].architecture in architectures:
        return Opened(name=str(name), answers="labels", task=SequenceLabels.load(name), tokenizer=tokenizer)
    if HEADS["masked words"][family].architecture in architectures:
        return Opened(name=str(name), answers="words", task=MaskedWords.load(name), tokenizer=tokenizer)
    return Opened(name=str(name), answers="none", task=BODIES[family].load(name), tokenizer=tokenizer)


def ask(opened: Opened, text: str, *, answer: str | None = None) -> Asked:
    """Ask why a model answers a text as it does.

    A label is explained by its logit less that of the likeliest other one, from which, of two, its
    probability follows. A word is explained by its logit.

    Args:
        opened: the model.
        text: with the mask token where a word is to be guessed, if the model guesses words.
        answer: the label or word to explain; the likeliest if not given.

    Returns:
        The question, and the likeliest answers.

    Raises:
        UsageError: the model has no head, the text no mask, or there is no such answer.
    """
    read = opened.read(text)
    task = opened.task
    if isinstance(task, Classifier | SequenceLabels):
        return _about_label(task, read, answer)
    if isinstance(task, MaskedWords):
        places = [at for at, number in enumerate(read.ids) if number == opened.tokenizer.mask_id]
        if not places:
            raise UsageError(f"{opened.name} guesses words: put {_mask(opened)} where one is to be guessed")
        batch = PackedBatch.from_rows([read.ids])
        with torch.inference_mode():
            logits = task.head(task.body(batch)[places[0]], task.body.embeddings.token.weight)
        word = _word(opened.tokenizer, logits, answer)
        question = why_word(task, read.ids, word, place=places[0], tokens=read.tokens)
        return _about_word(opened.tokenizer, question, logits, word)
    if isinstance(task, Gpt):
        with torch.inference_mode():
            logits = task.logits(task(PackedBatch.from_rows([read.ids]))[-1])
        word = _word(opened.tokenizer, logits, answer)
        question = why_next(task, read.ids, word, tokens=read.tokens)
        return _about_word(opened.tokenizer, question, logits, word)
    raise UsageError(
        f"{opened.name} has no head and answers nothing: name a model that does, such as --model sentiment"
    )


def _mask(opened: Opened) -> str:
    number = opened.tokenizer.mask_id
    return "a mask" if number is None else opened.tokenizer.token_of(number)


def _about_label(task: Classifier | SequenceLabels, read: Read, answer: str | None) -> Asked:
    labels = task.settings.labels if isinstance(task, Classifier) else task.labels
    with torch.inference_mode():
        chances = task(PackedBatch.from_rows([read.ids]))[0].softmax(-1)
    order = chances.argsort(descending=True).tolist()
    if answer is not None and answer not in labels:
        raise UsageError(f"there is no label {answer!r}: the model knows {', '.join(labels)}")
    wanted = order[0] if answer is None else labels.index(answer)
    other = next((label for label in order if label != wanted), None)
    if isinstance(task, Classifier):
        question = why_mean(task.encoder, read.ids, task.head, wanted, against=other, tokens=read.tokens)
        against = "" if other is None else f" − logit of {labels[other]}"
        question = _named(question, f"logit of {labels[wanted]}{against}")
    else:
        against_label = None if other is None else labels[other]
        question = why_label(task, read.ids, labels[wanted], against=against_label, tokens=read.tokens)
    return Asked(
        question=question, likeliest=tuple((labels[at], float(chances[at])) for at in order[:_SHOWN])
    )


def _about_word(tokenizer: Tokenizer, question: Question, logits: Tensor, word: int) -> Asked:
    chances = logits.softmax(-1)
    best: Sequence[int] = chances.topk(min(_SHOWN, len(chances))).indices.tolist()
    return Asked(
        question=_named(question, f"logit of “{tokenizer.token_of(word)}”"),
        likeliest=tuple((tokenizer.token_of(at), float(chances[at])) for at in best),
    )


def _word(tokenizer: Tokenizer, logits: Tensor, answer: str | None) -> int:
    if answer is None:
        return int(logits.argmax())
    ids = tokenizer.encode(answer, special=False).ids
    if len(ids) != 1:
        raise UsageError(f"{answer!r} is {len(ids)} tokens: name a word that is one")
    return int(ids[0])


def _named(question: Question, name: str) -> Question:
    return replace(question, readout=replace(question.readout, name=name))


def _is_classifier(name: str | Path) -> bool:
    """Say whether a name is one of this project's classifiers, not a checkpoint."""
    from cutaway.finetuning.saved import CONFIG

    for folder in (Path(name), runs_home() / name):
        if folder.is_dir():
            try:
                fields = json.loads((folder / CONFIG).read_bytes())
            except (OSError, ValueError, RecursionError):
                return False
            return isinstance(fields, dict) and str(cast(object, fields.get("format"))).startswith("cutaway")
    return str(name) in entries() and entries()[str(name)].kind == "classifier"
