"""Pre-training: text without labels in, a model and its tokenizer out.

The run folder is a checkpoint folder of the field: config.json, model.safetensors and tokenizer.json,
with settings.json and history.json beside them.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch

from cutaway.core.errors import UsageError
from cutaway.core.files import write_text
from cutaway.finetuning.corpus import Corpus
from cutaway.finetuning.fresh_models import fresh_bert, fresh_gpt, fresh_transformer
from cutaway.finetuning.masked_words_task import DistillationTask, MaskedWordsTask, NextSentenceTask
from cutaway.finetuning.parallel_text import ParallelText, Subwords, encode_pairs, train_subwords
from cutaway.finetuning.pretraining_settings import PretrainSettings, SizeSettings
from cutaway.finetuning.running_text_task import RunningTextTask
from cutaway.finetuning.runs.curves import write_history
from cutaway.finetuning.runs.recorder import Plan, recording, settings_of
from cutaway.finetuning.translation_task import TranslationTask
from cutaway.finetuning.word_heads import load_masked_words, with_word_head
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.training.checkpoints import Checkpoints
from cutaway.training.loop import Epoch, History, Listener, Step, Task, fit
from cutaway.training.parallel import joined
from cutaway.training.run_folder import SavingSettings, open_run
from cutaway.transformers.checkpoint import weights_sha256
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.pretraining.next_sentence import WordsAndNextSentence
from cutaway.transformers.seq2seq import Transformer
from cutaway.transformers.tasks import MaskedWords

TOKENIZER = "tokenizer.json"
SETTINGS = "settings.json"
HISTORY = "history.json"


@dataclass(frozen=True, kw_only=True)
class ParallelSplit:
    """Pairs to learn from, and pairs that are only scored."""

    training: ParallelText
    held_out: ParallelText

    @property
    def sha256(self) -> str:
        """A digest of every sentence, in order."""
        digest = hashlib.sha256()
        for part in (self.training, self.held_out):
            for side in (part.sources, part.targets):
                for sentence in side:
                    digest.update(f"{len(sentence)}\x1f{sentence}\x1e".encode())
        return digest.hexdigest()


def split_pairs(pairs: ParallelText, held_out: float) -> ParallelSplit:
    """Return pairs without their end, and the end.

    Args:
        pairs: all of them.
        held_out: the end's share.

    Raises:
        UsageError: the share leaves one part empty.

    Example:
        >>> some = ParallelText(sources=["a", "b", "c"], targets=["x", "y", "z"])
        >>> split_pairs(some, 0.3).held_out.targets
        ['z']
    """
    count = round(len(pairs) * held_out)
    if not 0 < count < len(pairs):
        raise UsageError(f"a share of {held_out} held out of {len(pairs)} pairs leaves one part empty")
    return ParallelSplit(
        training=ParallelText(
            sources=pairs.sources[:-count], targets=pairs.targets[:-count], blank=pairs.blank
        ),
        held_out=ParallelText(sources=pairs.sources[-count:], targets=pairs.targets[-count:]),
    )


@dataclass(frozen=True, kw_only=True)
class PretrainedRun:
    """One finished pre-training.

    Attributes:
        folder: the checkpoint folder, with settings.json and history.json.
        history: every step and epoch.
        start: held-out measures before the first step; empty for a model with nothing learned.
    """

    folder: Path
    history: History
    start: dict[str, float]


class PretrainingTask(Task, Protocol):
    """A task of the loop that tells how much text it has."""

    facts: dict[str, int]


def pretrain(
    data: Corpus | ParallelSplit,
    *,
    start: str | SizeSettings,
    settings: PretrainSettings,
    out: Path,
    listen: Listener | None = None,
    saving: SavingSettings | None = None,
) -> PretrainedRun:
    """Train a model on text without labels and write its run folder.

    In a process that torchrun started the training is shared with the others: the first one writes.

    Args:
        data: documents; for translation pairs.
        start: a checkpoint to go on from, by name or folder, or the size of a fresh model. The teacher,
            if the objective is distillation.
        settings: objective, rows, batches, loop.
        out: the run folder.
        listen: told of each step and each epoch.
        saving: how often a checkpoint is written, and whether an unfinished run of the folder goes on.

    Returns:
        The run.
    """
    keeping = saving or SavingSettings()
    with joined() as group, open_run(out, keeping, mark=SETTINGS) if group.rank == 0 else nullcontext():
        task, tokenizer = _prepared(data, start, settings, out)
        fitted = partial(
            fit, task, settings.loop, checkpoints=_checkpoints(data, start, settings, keeping, out)
        )
        if group.rank:
            return PretrainedRun(folder=out, history=fitted(_unheard, group=group), start={})
        measures = _measured(task) if isinstance(start, str) else {}
        tokenizer.save(out / TOKENIZER)
        with recording(_plan(data, start, settings, task, out), listen) as recorder:
            write_text(out / SETTINGS, _settings_json(data, start, settings, task, measures))
            history = fitted(recorder.listener, group=group)
            recorder.measured(history.best.validation)
            write_history(out, history)
        return PretrainedRun(folder=out, history=history, start=measures)


def _checkpoints(
    data: Corpus | ParallelSplit,
    start: str | SizeSettings,
    settings: PretrainSettings,
    saving: SavingSettings,
    out: Path,
) -> Checkpoints:
    began = (
        {"start": start, "start sha256": weights_sha256(start)}
        if isinstance(start, str)
        else {"start": asdict(start)}
    )
    return saving.checkpoints(out, {"data": data.sha256, **began, "settings": asdict(settings)})


def _plan(
    data: Corpus | ParallelSplit,
    start: str | SizeSettings,
    settings: PretrainSettings,
    task: PretrainingTask,
    out: Path,
) -> Plan:
    source = data.source if isinstance(data, Corpus) else f"{len(data.training):,} pairs"
    return Plan(
        kind="translator" if isinstance(data, ParallelSplit) else "pretrain",
        folder=out,
        settings=settings_of(settings, start=start if isinstance(start, str) else asdict(start)),
        data={"source": source, "sha256": data.sha256, **task.facts},
        seeds={"all": settings.loop.seed},
    )


def _unheard(event: Step | Epoch, steps: int | None) -> None:
    """What the other processes tell of a training that several share: nothing."""


def _prepared(
    data: Corpus | ParallelSplit, start: str | SizeSettings, settings: PretrainSettings, out: Path
) -> tuple[PretrainingTask, Tokenizer]:
    """The objective's model, tokenizer and task."""
    if isinstance(data, ParallelSplit) != (settings.objective == "translation"):
        raise UsageError(
            f"{settings.objective} learns from {'pairs' if isinstance(data, Corpus) else 'text'}"
        )
    if isinstance(data, ParallelSplit):
        return _translation(data, start, settings, out)
    corpora = data.split(settings.held_out)
    if settings.objective == "causal":
        gpt, tokenizer = _gpt(corpora[0], start, settings)
        return RunningTextTask(gpt, tokenizer, corpora, settings, out), tokenizer
    words, tokenizer = _masked_words(corpora[0], start, settings)
    if settings.objective == "next-sentence":
        both = WordsAndNextSentence(words.body)
        both.words = words
        return NextSentenceTask(both, tokenizer, corpora, settings, out), tokenizer
    kind = DistillationTask if settings.objective == "distillation" else MaskedWordsTask
    return kind(words, tokenizer, corpora, settings, out), tokenizer


def _gpt(corpus: Corpus, start: str | SizeSettings, settings: PretrainSettings) -> tuple[Gpt, Tokenizer]:
    seed = settings.loop.seed
    if isinstance(start, SizeSettings):
        tokenizer = Tokenizer.train(corpus.documents, model="bpe", vocab_size=start.vocabulary)
        return fresh_gpt(start, tokenizer, positions=settings.tokens, seed=seed), tokenizer
    gpt, tokenizer = Gpt.load(start), Tokenizer.load(start)
    _check_fit(start, settings, tokenizer.vocab_size, (gpt.config.vocabulary, gpt.config.positions))
    return gpt, tokenizer


def _masked_words(
    corpus: Corpus, start: str | SizeSettings, settings: PretrainSettings
) -> tuple[MaskedWords, Tokenizer]:
    seed = settings.loop.seed
    if isinstance(start, SizeSettings):
        if settings.objective == "distillation":
            raise UsageError("distillation needs a teacher: name its checkpoint, not a size")
        tokenizer = Tokenizer.train(corpus.documents, model="wordpiece", vocab_size=start.vocabulary)
        return with_word_head(
            fresh_bert(start, tokenizer, positions=settings.tokens, seed=seed), seed
        ), tokenizer
    words, tokenizer = load_masked_words(start, seed), Tokenizer.load(start)
    config = words.body.config
    _check_fit(start, settings, tokenizer.vocab_size, (config.vocabulary, config.longest))
    return words, tokenizer


def _translation(
    data: ParallelSplit, start: str | SizeSettings, settings: PretrainSettings, out: Path
) -> tuple[PretrainingTask, Tokenizer]:
    if isinstance(start, SizeSettings):
        subwords = train_subwords(data.training, vocabulary=start.vocabulary)
        ends = (subwords.start, subwords.end, subwords.pad)
        model = fresh_transformer(start, subwords.size, ends, seed=settings.loop.seed)
    else:
        subwords, model = Subwords(Tokenizer.load(start)), Transformer.load(start)
        _check_fit(start, settings, subwords.size, (model.config.vocabulary, model.config.positions))
    training, held = (
        encode_pairs(part, subwords, longest=settings.tokens) for part in (data.training, data.held_out)
    )
    return TranslationTask(model, (training, held), settings, out), subwords.tokenizer


def _check_fit(start: str, settings: PretrainSettings, tokens: int, sizes: tuple[int, int]) -> None:
    vocabulary, longest = sizes
    if tokens > vocabulary:
        raise UsageError(f"{start}: its tokenizer has {tokens} tokens, its table {vocabulary} rows")
    if settings.tokens > longest:
        raise UsageError(f"tokens is {settings.tokens}: a row of {start} has at most {longest}")


def _measured(task: PretrainingTask) -> dict[str, float]:
    task.model.eval()
    with torch.no_grad():
        return dict(task.validate())


def _settings_json(
    data: Corpus | ParallelSplit,
    start: str | SizeSettings,
    settings: PretrainSettings,
    task: PretrainingTask,
    measures: dict[str, float],
) -> str:
    source: dict[str, Any] = (
        {"source": data.source, "sha256": data.sha256}
        if isinstance(data, Corpus)
        else {"blank_pairs": data.training.blank}
    )
    fields = {
        "data": {**source, **task.facts},
        "start": start if isinstance(start, str) else asdict(start),
        "measures_at_start": measures,
        "parameters": sum(parameter.numel() for parameter in task.model.parameters()),
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "settings": asdict(settings),
    }
    return json.dumps(fields, indent=2) + "\n"
