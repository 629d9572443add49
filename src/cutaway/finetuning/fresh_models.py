"""Models with nothing learned yet, over a tokenizer: one family for each objective."""

from __future__ import annotations

from cutaway.finetuning.pretraining_settings import SizeSettings
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.transformers.bert import Bert
from cutaway.transformers.config import BertConfig, BlockConfig, GptConfig, TransformerConfig
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.pretraining.initial import draw_weights
from cutaway.transformers.seq2seq import Transformer

END = "<|endoftext|>"
# Rows of a translation model's sinusoids: nothing is learned, so room costs nothing.
_PLACES = 512


def fresh_gpt(size: SizeSettings, tokenizer: Tokenizer, *, positions: int, seed: int) -> Gpt:
    """Return a GPT-2 of a size.

    Args:
        size: of the model.
        tokenizer: whose ids it reads; its <|endoftext|> ends a text.
        positions: the longest text, in tokens.
        seed: of the weights.
    """
    block = _block(size, activation="gelu_tanh", order="pre", norm_epsilon=1e-5)
    config = GptConfig(
        vocabulary=tokenizer.vocab_size,
        positions=positions,
        layers=size.layers,
        block=block,
        end=tokenizer.vocabulary.ids.get(END),
    )
    gpt = Gpt(config)
    draw_weights(gpt, seed=seed)
    return gpt


def fresh_bert(size: SizeSettings, tokenizer: Tokenizer, *, positions: int, seed: int) -> Bert:
    """Return a BERT of a size, with two types and a pooler.

    Args:
        size: of the model.
        tokenizer: whose ids it reads.
        positions: the longest text, in tokens.
        seed: of the weights.
    """
    config = BertConfig(
        vocabulary=tokenizer.vocab_size, positions=positions, types=2, layers=size.layers, block=_block(size)
    )
    bert = Bert(config)
    draw_weights(bert, seed=seed)
    return bert


def fresh_transformer(
    size: SizeSettings, vocabulary: int, ends: tuple[int, int, int], *, seed: int
) -> Transformer:
    """Return an encoder-decoder of a size, with the paper's ReLU, sinusoids and post-norm.

    Args:
        size: of the model.
        vocabulary: ids of both languages.
        ends: the ids that start, end and fill a text.
        seed: of the weights.
    """
    start, end, pad = ends
    block = _block(size, activation="relu", places="sinusoidal", norm_epsilon=1e-5)
    config = TransformerConfig(
        vocabulary=vocabulary,
        positions=_PLACES,
        layers=size.layers,
        decoder_layers=size.layers,
        block=block,
        start=start,
        end=end,
        pad=pad,
    )
    model = Transformer(config)
    draw_weights(model, seed=seed)
    return model


def _block(size: SizeSettings, **choices: object) -> BlockConfig:
    return BlockConfig(
        width=size.width,
        heads=size.heads,
        feed_forward=size.feed_forward,
        dropout=size.dropout,
        **choices,  # type: ignore[arg-type]
    )
