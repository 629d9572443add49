"""A folder that `transformers` loads as it is: the mean of all tokens, written as one more block.

Stock BERT, RoBERTa and DistilBERT classify by the first token alone, this room by the mean of all. So the
exported encoder has one block more, whose weights are not learned but set: its queries are zero, so that
every token sees all tokens of its text alike, and its values are the class scores; the first token ends up
with their mean. Normalization, which would rescale that mean, is held still by two numbers so large that
nothing beside them counts, and tanh by scores so small that it is a straight line there; DistilBERT's ReLU
gets the scores twice, the second time with the other sign.

    first attention:  u = K (m, −m, c, −c, 0 …) + x,   norm(u) γ = (m, −m, 0 …),   m = Σ W xₜ / T
    feed-forward:     norm((m, −m, c, −c, 0 …)) γ = (m, 0 …),   logits = tanh(ε m) / ε + b
                                                          or relu(m) − relu(−m) + b

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
from cutaway.transformers.block import Block
from cutaway.transformers.config import Pooler
from cutaway.transformers.task_heads import LabelHead
from cutaway.transformers.tasks import SequenceLabels

# In float32, of which numbers this large still keep seven digits.
_SIGNAL, _CONSTANT, _SMALL = 1e7, 1e5, 1e-5


def write_hugging_face(classifier: Classifier, folder: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer's files.

    Args:
        classifier: adapters merged.
        folder: made if it is not there.

    Raises:
        UsageError: the encoder has too few numbers in a vector for so many classes.
    """
    task = with_mean_block(classifier)
    task.save(folder)
    inputs = classifier.settings.inputs
    classifier.tokenizer.save(folder / "tokenizer.json")
    fields = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": inputs.max_tokens,
        "truncation_side": "left" if inputs.truncation == "tail" else "right",
        # Token types would be sent, too, to models that have no table of them.
        "model_input_names": ["input_ids", "attention_mask"],
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
    """Return the same classifier in its family's own form, with one block more.

    Args:
        classifier: adapters merged.

    Returns:
        The model; its first token's answer is the classifier's.

    Raises:
        UsageError: the encoder has too few numbers in a vector for so many classes.
    """
    encoder, labels = classifier.encoder, classifier.settings.labels
    if 2 * len(labels) + 2 > encoder.config.width:
        raise UsageError(
            f"{len(labels)} classes need {2 * len(labels) + 2} numbers in a vector, the encoder has "
            f"{encoder.config.width}: export to onnx"
        )
    pooler: Pooler = "tanh" if encoder.family == "bert" else "none"
    body = type(encoder)(replace(encoder.config, layers=encoder.config.layers + 1, pooler=pooler))
    with torch.no_grad():
        body.embeddings.load_state_dict(encoder.embeddings.state_dict())
        for mine, theirs in zip(body.blocks, encoder.blocks, strict=False):
            mine.load_state_dict(theirs.state_dict())
        last = body.blocks[-1]
        assert isinstance(last, Block)
        _set_block(last, classifier.head.weight)
        task = SequenceLabels(body, labels)
        _set_head(task, classifier.head.bias)
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


def _set_head(task: SequenceLabels, bias: Tensor) -> None:
    """Let the hidden layer, BERT's pooler or the head's own, hand the scores on, and add the bias."""
    head = task.head
    assert isinstance(head, LabelHead)
    hidden = head.dense or task.body.pooler
    assert hidden is not None
    for parameter in (*hidden.parameters(), *head.parameters()):
        parameter.zero_()
    at, classes = torch.arange(len(bias)), len(bias)
    if head.activation == "relu":
        hidden.weight[at, at], hidden.weight[classes + at, at] = 1.0, -1.0
        head.out.weight[at, at], head.out.weight[at, classes + at] = 1.0, -1.0
    else:
        hidden.weight[at, at], head.out.weight[at, at] = _SMALL, 1 / _SMALL
    head.out.bias.copy_(bias)
