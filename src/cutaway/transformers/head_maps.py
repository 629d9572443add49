"""What each family's checkpoints call the layers of their heads, and what those layers compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cutaway.transformers.config import Activation

TaskName = Literal["masked words", "next sentence", "a label a text", "a label a token"]


HeadActivation = Activation | Literal["tanh"]


@dataclass(frozen=True, kw_only=True)
class HeadMap:
    """One family's head for one task.

    Attributes:
        architecture: the reference's class that a saved folder names.
        layers: our modules to theirs; "" is the head itself.
        activation: of its hidden layer; none for the body's own.
        reads: what a label of a text is read from.
        tied: keys that repeat the token table or the head's bias.
    """

    architecture: str
    layers: Mapping[str, str]
    activation: HeadActivation | None = None
    reads: Literal["pooled", "first token"] = "first token"
    tied: tuple[str, ...] = ()


_OUT = {"out": "classifier"}

HEADS: Mapping[TaskName, Mapping[str, HeadMap]] = {
    "masked words": {
        "bert": HeadMap(
            architecture="BertForMaskedLM",
            layers={
                "dense": "cls.predictions.transform.dense",
                "norm": "cls.predictions.transform.LayerNorm",
                "": "cls.predictions",
            },
            tied=("cls.predictions.decoder.weight", "cls.predictions.decoder.bias"),
        ),
        "roberta": HeadMap(
            architecture="RobertaForMaskedLM",
            layers={"dense": "lm_head.dense", "norm": "lm_head.layer_norm", "": "lm_head"},
            activation="gelu",
            tied=("lm_head.decoder.weight", "lm_head.decoder.bias"),
        ),
        "distilbert": HeadMap(
            architecture="DistilBertForMaskedLM",
            layers={"dense": "vocab_transform", "norm": "vocab_layer_norm", "": "vocab_projector"},
            tied=("vocab_projector.weight",),
        ),
    },
    "next sentence": {
        "bert": HeadMap(
            architecture="BertForNextSentencePrediction",
            layers={"out": "cls.seq_relationship"},
            reads="pooled",
        ),
    },
    "a label a text": {
        "bert": HeadMap(architecture="BertForSequenceClassification", layers=_OUT, reads="pooled"),
        "roberta": HeadMap(
            architecture="RobertaForSequenceClassification",
            layers={"dense": "classifier.dense", "out": "classifier.out_proj"},
            activation="tanh",
        ),
        "distilbert": HeadMap(
            architecture="DistilBertForSequenceClassification",
            layers={"dense": "pre_classifier", "out": "classifier"},
            activation="relu",
        ),
    },
    "a label a token": {
        "bert": HeadMap(architecture="BertForTokenClassification", layers=_OUT),
        "roberta": HeadMap(architecture="RobertaForTokenClassification", layers=_OUT),
        "distilbert": HeadMap(architecture="DistilBertForTokenClassification", layers=_OUT),
    },
}
