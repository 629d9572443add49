"""A trained translator: sentences in, sentences out, whichever network stands between.

It serves run folders of `cutaway recurrent train-translator` and those of `cutaway pretrain --objective
translation`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, FormatError, MissingFileError
from cutaway.core.trace import Trace
from cutaway.finetuning.inputs import check_texts
from cutaway.finetuning.parallel_text import Subwords
from cutaway.recurrent.seq2seq import Seq2Seq
from cutaway.recurrent.seq2seq_files import CONFIG, FORMAT, load_seq2seq
from cutaway.training.beam import BeamSettings
from cutaway.transformers.seq2seq import Transformer


@dataclass(frozen=True, kw_only=True)
class Translation:
    """What became of one sentence.

    Attributes:
        text: the translation.
        tokens: its subwords.
        score: log-probability over length penalty: what the search compared.
        log_probability: of the translation, in nats.
    """

    text: str
    tokens: tuple[str, ...]
    score: float
    log_probability: float


class Translator:
    """A network and the subwords that it reads and writes.

    Args:
        model: the network.
        subwords: its table.

    Raises:
        FormatError: the network was trained over another table.
    """

    def __init__(self, model: Seq2Seq | Transformer, subwords: Subwords) -> None:
        self.model, self.subwords = model, subwords
        told = model.settings if isinstance(model, Seq2Seq) else model.config
        here = (subwords.size, subwords.start, subwords.end, subwords.pad)
        there = (told.vocabulary, told.start, told.end, told.pad)
        if here != there:
            raise FormatError(
                f"the tokenizer has {here[0]} tokens and start, end, pad {here[1:]}, the model {there[0]} "
                f"and {there[1:]}: they are not of one training"
            )

    @classmethod
    def load(cls, folder: str | Path) -> Translator:
        """Load a translator.

        Args:
            folder: of a run, with config.json, model.safetensors and tokenizer.json.

        Returns:
            The translator.

        Raises:
            MissingFileError: there is no such folder, or it has no config.json.
            FormatError: config.json is damaged, or of a model that does not translate.
        """
        path = Path(folder)
        if not (path / CONFIG).is_file():
            raise MissingFileError(f"{path} is no trained translator: it has no {CONFIG}")
        try:
            config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{path / CONFIG} is not valid JSON: {error}") from error
        told = config if isinstance(config, dict) else {}
        kind = told.get("format", told.get("model_type"))
        if kind not in (FORMAT, Transformer.family):
            raise FormatError(f"{path} holds a model of kind {kind!r}, which does not translate")
        model = load_seq2seq(path) if kind == FORMAT else Transformer.load(path)
        return cls(model, Subwords.load(path))

    def translate(
        self,
        texts: Sequence[str],
        *,
        beam: int = 5,
        alpha: float = 1.0,
        told: Callable[[int], object] = lambda count: None,
    ) -> list[Translation]:
        """Translate sentences, each by a beam search.

        Args:
            texts: sentences, none of them blank.
            beam: how many beginnings are kept.
            alpha: of the length penalty: 0 favors short translations.
            told: hears of each sentence that is done.

        Returns:
            The best translation of each.
        """
        settings = BeamSettings(beams=beam, alpha=alpha)
        check_texts(texts)
        found = []
        for ids in self.subwords.encode(texts):
            best = self.model.translate([ids], settings=settings)[0]
            found.append(
                Translation(
                    text=self.subwords.decode(best.ids),
                    tokens=tuple(self.subwords.tokens(best.ids)),
                    score=best.score,
                    log_probability=best.log_probability,
                )
            )
            told(1)
        return found

    def trace(self, text: str, translation: str) -> Trace:
        """Read a sentence and a translation of it by the open path; keep every intermediate value.

        Args:
            text: a sentence.
            translation: any text: what the network would have thought while writing it.

        Returns:
            The trace; a recurrent network's "alignment" says where each target token looked.

        Raises:
            DataError: a text is blank.
        """
        if not text.strip() or not translation.strip():
            raise DataError(f"there is nothing to read in {text!r}, or in {translation!r}")
        source, target = self.subwords.encode([text, translation])
        begun: NDArray[Any] = np.concatenate([[self.subwords.start], target[:-1]])
        # Each place of the target is called by the token that it names.
        labels = (self.subwords.tokens(source), self.subwords.tokens(target))
        return self.model.trace(source, begun, tokens=labels)
