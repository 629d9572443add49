"""Whole words to ids, as the models before subwords had it: what is not in the list is unknown.

    films that move people   →   12  9  <unk>  41

Words are those of the Penn Treebank (treebank/), counted over a corpus, the most frequent first. It shows
what subwords are for: `unknown_rate` on new text never falls to 0, however long the list.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from cutaway.core.errors import DataError, FormatError, ShapeError, UsageError
from cutaway.core.files import whole_file
from cutaway.tokenization.treebank.words import treebank_words

if TYPE_CHECKING:
    from cutaway.tokenization.batch import Batch

PADDING: Final = "<pad>"
UNKNOWN: Final = "<unk>"
_SPECIAL: Final = (PADDING, UNKNOWN)
_FORMAT: Final = "cutaway word vocabulary 1"
_ROWS: Final = 1024

Case = Literal["lower", "kept"]


class WordVocabulary:
    """Words and ids, both ways.

    Args:
        counts: each word and how often it came, in the order of ids; ids 0 and 1 are "<pad>" and "<unk>".
        case: "lower" writes texts in small letters first; "kept" leaves them.
        origin: where they come from, for error messages.

    Raises:
        FormatError: a word is empty or one of the two special ones, a count is under 1, or case is neither.

    Example:
        >>> words = WordVocabulary.build(["I can't.", "You can."])
        >>> words.encode("We can't.")
        [1, 3, 6, 2]
        >>> words.decode(words.encode("We can't."))
        "<unk> ca n't ."
    """

    def __init__(
        self, counts: Sequence[tuple[str, int]], *, case: Case = "lower", origin: str = "the words"
    ) -> None:
        if case not in ("lower", "kept"):
            raise FormatError(f"{origin}: case is {case!r}: it must be one of lower, kept")
        _check(counts, origin)
        self.counts = dict(counts)
        self.case = case
        self.words = (*_SPECIAL, *self.counts)
        self.ids = {word: at for at, word in enumerate(self.words)}

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        *,
        min_count: int = 1,
        max_size: int | None = None,
        case: Case = "lower",
    ) -> WordVocabulary:
        """Count the words of texts.

        Args:
            texts: any number, read once; memory grows with the different words only.
            min_count: words that came less often are left out.
            max_size: at most so many words, special ones included; None for all.
            case: "lower" or "kept".

        Returns:
            The vocabulary, the most frequent word first, equals in the order of the alphabet.

        Raises:
            DataError: a text is not a string, or no word is frequent enough.
            UsageError: min_count is under 1, or max_size leaves no room for a word.
        """
        if min_count < 1:
            raise UsageError(f"min_count is {min_count}: it must be at least 1")
        if max_size is not None and max_size <= len(_SPECIAL):
            raise UsageError(f"max_size is {max_size}: it must be over {len(_SPECIAL)}")
        from cutaway.tokenization.treebank.fast import treebank_batch

        found: Counter[str] = Counter()
        rows = iter(texts)
        while block := list(islice(rows, _ROWS)):
            if case == "lower":
                block = [text.lower() if isinstance(text, str) else text for text in block]
            for words in treebank_batch(block):
                found.update(word.text for word in words)
        kept = sorted(
            ((word, count) for word, count in found.items() if count >= min_count and word not in _SPECIAL),
            key=lambda entry: (-entry[1], entry[0]),
        )[: None if max_size is None else max_size - len(_SPECIAL)]
        if not kept:
            raise DataError(f"no word came {min_count} times or more, of {len(found)} different words")
        return cls(kept, case=case)

    def __len__(self) -> int:
        return len(self.words)

    @property
    def pad_id(self) -> int:
        """The id that fills short rows."""
        return self.ids[PADDING]

    @property
    def unk_id(self) -> int:
        """The id of every word that is not in the list."""
        return self.ids[UNKNOWN]

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text's words.

        Args:
            text: any string.
        """
        read = text.lower() if self.case == "lower" else text
        return [self._id_of(word.text) for word in treebank_words(read)]

    def encode_batch(self, texts: Sequence[str], *, threads: int | None = None) -> Batch:
        """Return the ids of many texts; they are those of `encode`.

        Args:
            texts: a list of strings.
            threads: how many to use; by default one for each processor core.

        Raises:
            DataError: a text is not a string.
            UsageError: texts is one string, or threads is under 1.
        """
        import numpy as np

        from cutaway.tokenization.batch import Batch
        from cutaway.tokenization.treebank.fast import treebank_batch

        lower = self.case == "lower" and not isinstance(texts, str)
        read = [text.lower() if isinstance(text, str) else text for text in texts] if lower else texts
        found = treebank_batch(read, threads=threads)
        ids = [self._id_of(word.text) for row in found for word in row]
        return Batch(ids=np.array(ids, np.int32), row_starts=found.row_starts)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the words with spaces between: what stood between them is not known.

        Args:
            ids: what `encode` gave.

        Raises:
            ShapeError: an id is outside the vocabulary.
        """
        numbers = [int(number) for number in ids]
        wrong = [number for number in numbers if not 0 <= number < len(self)]
        if wrong:
            raise ShapeError(f"id {wrong[0]} is outside the vocabulary: ids go from 0 to {len(self) - 1}")
        return " ".join(self.words[number] for number in numbers if number != self.pad_id)

    def save(self, path: str | Path) -> None:
        """Write a JSON file; it is whole or absent.

        Args:
            path: the file.

        Raises:
            ResourceError: the disk is full or the folder cannot be written.
        """
        told = {"format": _FORMAT, "case": self.case, "words": list(self.counts.items())}
        with whole_file(Path(path)) as part:
            part.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> WordVocabulary:
        """Read what `save` wrote.

        Args:
            path: the file.

        Raises:
            DataError: the file cannot be read.
            FormatError: it is not such a file, or its words are not valid.
        """
        try:
            told: Any = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{path} is not JSON: {error}") from error
        if not isinstance(told, dict) or told.get("format") != _FORMAT:
            raise FormatError(f"{path} is no word vocabulary: its format must be {_FORMAT!r}")
        words = told.get("words")
        if not isinstance(words, list) or not all(_is_entry(entry) for entry in words):
            raise FormatError(f"{path}: words must be a list of pairs of a word and its count")
        return cls([(word, count) for word, count in words], case=told.get("case", "lower"), origin=str(path))

    def _id_of(self, word: str) -> int:
        # A text may spell a special word: it is unknown all the same.
        return self.ids[word] if word in self.counts else self.ids[UNKNOWN]


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == len(("word", "count"))
        and isinstance(entry[0], str)
        and isinstance(entry[1], int)
    )


def _check(counts: Sequence[tuple[str, int]], origin: str) -> None:
    for word, count in counts:
        if not word or word in _SPECIAL or count < 1:
            raise FormatError(f"{origin}: word {word!r} with count {count} cannot be in a vocabulary")
    if len({word for word, _ in counts}) != len(counts):
        twice = next(word for word, often in Counter(word for word, _ in counts).items() if often > 1)
        raise FormatError(f"{origin}: word {twice!r} stands there twice")
