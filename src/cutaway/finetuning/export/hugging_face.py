"""A folder that `transformers` loads as it is: the mean of all tokens, written as one more block of BERT.

Stock BERT classifies by its first token alone, this room by the mean of all. So the exported encoder has
one block more, whose weights are not learned but set: its queries are zero, so that every token sees all
tokens of its text alike, and its values are the class scores; the first token ends up with their mean.
Normalization, which would rescale that mean, is held still by two numbers so large that nothing beside
them counts, and tanh by scores so small that it is a straight line there.

    first attention:  u = K (m, −m, c, −c, 0 …) + x,   norm(u) γ = (m, −m, 0 …),   m = Σ W xₜ / T
    feed-forward:     norm((m, −m, c, −c, 0 …)) γ = (m, 0 …),   logits = tanh(ε m) / ε + b

Legend: T tokens, D width, C classes, m the mean scores.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from cutaway.core.errors import UsageError
from cutaway.core.files import write_text
from cutaway.finetuning.classifier import Classifier
from cutaway.transformers.bert import Bert
from cutaway.transformers.block import Block
from cutaway.transformers.tasks import SequenceLabels

# In float32, of which numbers this large still keep seven digits.
_SIGNAL, _CONSTANT, _SMALL = 1e7, 1e5, 1e-5


def write_hugging_face(classifier: Classifier, folder: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer's files.

    Args:
        classifier: adapters merged.
        folder: made if it is not there.

    Raises:
        UsageError: the encoder is not BERT's, or has too few numbers for so many classes.
    """
    task = with_mean_block(classifier)
    task.save(folder)
    inputs = classifier.settings.inputs
    classifier.tokenizer.save(folder / "tokenizer.json")
    fields = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": inputs.max_tokens,
        "truncation_side": "left" if inputs.truncation == "tail" else "right",
        **special_tokens(classifier),
    }
    write_text(folder / "tokenizer_config.json", json.dumps(fields, indent=2) + "\n")


def special_tokens(classifier: Classifier) -> dict[str, str]:
    """Return the tokens that `transformers` asks a tokenizer for.

    Args:
        classifier: whose tokenizer.
    """
    tokenizer = classifier.tokenizer
    named = {
        "cls_token": tokenizer.token_of(tokenizer.cls_id),
        "sep_token": tokenizer.token_of(tokenizer.sep_id),
    }
    named |= {
        "pad_token": tokenizer.token_of(tokenizer.pad_id),
        "unk_token": tokenizer.token_of(tokenizer.unk_id),
    }
    if tokenizer.mask_id is not None:
        named["mask_token"] = tokenizer.token_of(tokenizer.mask_id)
    return named


def with_mean_block(classifier: Classifier) -> SequenceLabels:
    """Return the same classifier in BERT's own form, with one block more.

    Args:
        classifier: adapters merged.

    Returns:
        The model; its first token's answer is the classifier's.

    Raises:
        UsageError: the encoder is not BERT's, or has too few numbers for so many classes.
    """
    encoder, labels = classifier.encoder, classifier.settings.labels
    if encoder.family != "bert":
        raise UsageError(f"the encoder is of the family {encoder.family}: only BERT's can be exported so")
    if 2 * len(labels) + 2 > encoder.config.width:
        raise UsageError(
            f"{len(labels)} classes need {2 * len(labels) + 2} numbers in a vector, the encoder has "
            f"{encoder.config.width}: export to onnx"
        )
    body = Bert(replace(encoder.config, layers=encoder.config.layers + 1, pooler="tanh"))
    with torch.no_grad():
        body.embeddings.load_state_dict(encoder.embeddings.state_dict())
        for mine, theirs in zip(body.blocks, encoder.blocks, strict=False):
            mine.load_state_dict(theirs.state_dict())
        last, pooler = body.blocks[-1], body.pooler
        assert isinstance(last, Block)
        assert pooler is not None
        _set_block(last, classifier.head.weight)
        task = SequenceLabels(body, labels)
        _set_head(pooler, task, classifier.head.bias)
    return task.eval()


def _set_block(block: Block, scores: Tensor) -> None:
    """Let the block write the mean of all tokens' class scores into the first C numbers."""
    classes, width = scores.shape
    for parameter in block.parameters():
        parameter.zero_()
    at = torch.arange(classes)
    plus, minus = 2 * classes, 2 * classes + 1
    block.value.weight[:classes] = scores
    block.output.weight[at, at], block.output.weight[classes + at, at] = _SIGNAL, -_SIGNAL
    block.output.bias[plus], block.output.bias[minus] = _SIGNAL * _CONSTANT, -_SIGNAL * _CONSTANT
    block.down.bias[plus], block.down.bias[minus] = _CONSTANT, -_CONSTANT
    # The deviation of (c, −c, 0 …), which the norm divides by and its scale gives back.
    deviation = _CONSTANT * math.sqrt(2 / width)
    norms = block.attention_norm, block.feed_forward_norm
    assert all(isinstance(norm, nn.LayerNorm) for norm in norms)
    block.attention_norm.weight[: 2 * classes] = deviation
    block.feed_forward_norm.weight[:classes] = deviation


def _set_head(pooler: nn.Linear, task: SequenceLabels, bias: Tensor) -> None:
    """Let pooler and head hand the scores on, and add the bias."""
    for parameter in (*pooler.parameters(), *task.head.parameters()):
        parameter.zero_()
    out = task.head.out
    assert isinstance(out, nn.Linear)
    at = torch.arange(len(bias))
    pooler.weight[at, at], out.weight[at, at] = _SMALL, 1 / _SMALL
    out.bias.copy_(bias)
