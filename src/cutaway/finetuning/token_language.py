"""A recurrent language model behind a tokenizer: rooms 1 and 3 joined, text in and text out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from cutaway.core.errors import DataError, FormatError
from cutaway.recurrent.language import LanguageModel
from cutaway.recurrent.language_training import load_language_model
from cutaway.recurrent.sampling import SamplingSettings
from cutaway.tokenization.streaming import stream
from cutaway.tokenization.tokenizer import Tokenizer

TOKENIZER = "tokenizer.json"


class TokenLanguage:
    """A language model whose symbols are a tokenizer's tokens.

    Args:
        model: over as many ids as the tokenizer has.
        tokenizer: any; no special tokens are put around a text.

    Raises:
        FormatError: the two have another number of ids.

    Example:
        >>> from cutaway.recurrent.language import LanguageSettings
        >>> tokenizer = Tokenizer.train(["a red fox"] * 3, model="bpe", vocab_size=262)
        >>> model = LanguageModel(LanguageSettings(symbols=tokenizer.vocab_size))
        >>> TokenLanguage(model, tokenizer).encode("a red").shape
        torch.Size([2])
    """

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer) -> None:
        if tokenizer.vocab_size != model.settings.size:
            raise FormatError(
                f"the tokenizer has {tokenizer.vocab_size} tokens, the model {model.settings.size} symbols"
            )
        self.model, self.tokenizer = model, tokenizer

    @classmethod
    def load(cls, folder: Path) -> TokenLanguage:
        """Load both from a run folder of `cutaway recurrent train-language --tokenizer`.

        Args:
            folder: holds config.json, model.safetensors and tokenizer.json.
        """
        return cls(load_language_model(folder), Tokenizer.load(folder / TOKENIZER))

    def encode(self, text: str) -> Tensor:
        """Return the ids of a text, (T) int64.

        Args:
            text: any.
        """
        return torch.tensor(self.tokenizer.encode(text, special=False).ids, dtype=torch.int64)

    def generate(self, prompt: str, length: int, settings: SamplingSettings) -> Iterator[str]:
        """Yield text that goes on from a prompt; the same seed gives the same text.

        Args:
            prompt: the text so far.
            length: how many tokens to draw.
            settings: temperature, top_k, top_p, seed.

        Yields:
            Pieces of text, each of whole characters.

        Raises:
            DataError: nothing in the prompt is a token.
        """
        ids = self.encode(prompt)
        if len(ids) == 0:
            raise DataError(f"the prompt {prompt[:20]!r} holds no token: the model goes on from at least one")
        yield from stream(self.model.draw(ids, length, settings), self.tokenizer.decode)
