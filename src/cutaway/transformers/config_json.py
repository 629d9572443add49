"""A checkpoint's config.json: read into a checked configuration, and written back, for each family."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cutaway.core.errors import FormatError, MissingFileError, UsageError
from cutaway.transformers.config import Activation, BertConfig, BlockConfig, GptConfig, TransformerConfig
from cutaway.transformers.key_maps import FAMILIES

Config = BertConfig | GptConfig | TransformerConfig
Json = dict[str, Any]

# What checkpoints call the same function; the first name is the one that is written.
_ACTIVATIONS: Mapping[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "swish",
    "swish": "swish",
}


@dataclass(frozen=True, kw_only=True)
class Fields:
    """What a family's config.json calls our settings.

    Attributes:
        sizes: whole numbers, ours to theirs.
        block: those of the block, ours to theirs; `activation`, `norm_epsilon` and `dropout` too.
        same: fields that must equal another one.
        fixed: what this family's models are; another value is another model.
    """

    sizes: Mapping[str, str]
    block: Mapping[str, str]
    same: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)


_BERT = Fields(
    sizes={
        "vocabulary": "vocab_size",
        "positions": "max_position_embeddings",
        "types": "type_vocab_size",
        "layers": "num_hidden_layers",
    },
    block={
        "width": "hidden_size",
        "heads": "num_attention_heads",
        "feed_forward": "intermediate_size",
        "activation": "hidden_act",
        "norm_epsilon": "layer_norm_eps",
        "dropout": "hidden_dropout_prob",
    },
    fixed={"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False},
)
FIELDS: Mapping[str, Fields] = {
    "bert": _BERT,
    "roberta": _BERT,
    "distilbert": Fields(
        sizes={"vocabulary": "vocab_size", "positions": "max_position_embeddings", "layers": "n_layers"},
        block={
            "width": "dim",
            "heads": "n_heads",
            "feed_forward": "hidden_dim",
            "activation": "activation",
            "dropout": "dropout",
        },
    ),
    "gpt2": Fields(
        sizes={"vocabulary": "vocab_size", "positions": "n_positions", "layers": "n_layer"},
        block={
            "width": "n_embd",
            "heads": "n_head",
            "feed_forward": "n_inner",
            "activation": "activation_function",
            "norm_epsilon": "layer_norm_epsilon",
            "dropout": "resid_pdrop",
        },
        fixed={
            "scale_attn_weights": True,
            "scale_attn_by_inverse_layer_idx": False,
            "add_cross_attention": False,
        },
    ),
    "marian": Fields(
        sizes={
            "vocabulary": "vocab_size",
            "positions": "max_position_embeddings",
            "layers": "encoder_layers",
            "decoder_layers": "decoder_layers",
            "start": "decoder_start_token_id",
            "end": "eos_token_id",
            "pad": "pad_token_id",
        },
        block={
            "width": "d_model",
            "heads": "encoder_attention_heads",
            "feed_forward": "encoder_ffn_dim",
            "activation": "activation_function",
            "dropout": "dropout",
        },
        same={
            "decoder_attention_heads": "encoder_attention_heads",
            "decoder_ffn_dim": "encoder_ffn_dim",
            "decoder_vocab_size": "vocab_size",
        },
        fixed={
            "share_encoder_decoder_embeddings": True,
            "normalize_before": False,
            "normalize_embedding": False,
            "static_position_embeddings": True,
        },
    ),
}


def read_fields(path: Path) -> Json:
    """Read a config.json as it stands.

    Args:
        path: the file.

    Returns:
        Its fields.

    Raises:
        MissingFileError: there is no such file.
        FormatError: it is not JSON, or not an object.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}: a checkpoint folder needs its config.json")
    try:
        fields = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise FormatError(f"{path}: expected an object, found {type(fields).__name__}")
    return fields


def read_config(path: Path, families: Collection[str] = tuple(FIELDS)) -> tuple[str, Config]:
    """Read a checkpoint's config.json.

    Args:
        path: the file.
        families: which ones are wanted.

    Returns:
        The family ("bert", "roberta", "distilbert", "gpt2", "marian") and its checked configuration.

    Raises:
        MissingFileError: there is no such file.
        FormatError: it is not JSON, of another family, lacks a field, or a field has an odd value.
    """
    fields = read_fields(path)
    try:
        family = fields.get("model_type")
        if not isinstance(family, str) or family not in families:
            raise FormatError(f"model_type is {family!r}: this reads {' or '.join(families)}")
        return family, _config(family, fields)
    except (FormatError, UsageError) as error:
        raise FormatError(f"{path}: {error}") from error


def write_fields(family: str, config: Config) -> Json:
    """Return the fields of a config.json from which `read_config` and others build the same model.

    Args:
        family: as `read_config` returns it.
        config: of that family.

    Returns:
        The fields, ready for JSON.

    Raises:
        UsageError: the family has no field for one of the choices, as GPT-2 has none for RMSNorm.
        FormatError: the family has no name for the activation.
    """
    names = FIELDS[family]
    fields: Json = {"model_type": family, "architectures": [FAMILIES[family].architecture]}
    fields |= {**names.fixed, "tie_word_embeddings": True}
    fields |= {theirs: getattr(config, ours) for ours, theirs in names.sizes.items()}
    fields |= {theirs: getattr(config.block, ours) for ours, theirs in names.block.items()}
    told = next((told for told, ours in _ACTIVATIONS.items() if ours == config.block.activation), None)
    fields[names.block["activation"]] = told
    fields |= {theirs: fields[twin] for theirs, twin in names.same.items()}
    if isinstance(config, BertConfig) and family == "roberta":
        fields["pad_token_id"] = config.first_position - 1
    if isinstance(config, GptConfig):
        fields |= {"eos_token_id": config.end, "bos_token_id": config.end}
    if isinstance(config, TransformerConfig):
        fields |= {"scale_embedding": config.scale == "root of width", "is_encoder_decoder": True}
        fields["forced_eos_token_id"] = config.end
    # A checkpoint says by its keys whether there is a pooler.
    told_again = _config(family, fields)
    if isinstance(told_again, BertConfig) and isinstance(config, BertConfig):
        told_again = replace(told_again, pooler=config.pooler)
    if told_again != config:
        raise UsageError(f"a {family} checkpoint cannot say {config}: read again it would be {told_again}")
    return fields


def _config(family: str, fields: Json) -> Config:
    names = FIELDS[family]
    for name, value in names.fixed.items():
        if fields.get(name, value) != value:
            raise FormatError(f"{name} is {fields[name]!r}: not {value!r}")
    for name, twin in names.same.items():
        if fields.get(name, fields.get(twin)) != fields.get(twin):
            raise FormatError(
                f"{name} is {fields[name]!r} but {twin} {fields.get(twin)!r}: they must be equal"
            )
    if fields.get("tie_word_embeddings", True) is not True:
        raise FormatError("tie_word_embeddings is not true: the output layer must be the token table")
    sizes = {ours: number(fields, theirs, int) for ours, theirs in names.sizes.items()}
    block = _block(names, fields)
    if family == "gpt2":
        end = None if fields.get("eos_token_id") is None else number(fields, "eos_token_id", int)
        return GptConfig(**sizes, block=replace(block, order="pre"), end=end)
    if family == "marian":
        scaled = fields.get("scale_embedding", False) is True
        block = replace(block, places="sinusoidal", norm_epsilon=1e-5)
        return TransformerConfig(**sizes, block=block, scale="root of width" if scaled else "none")
    if family == "distilbert":
        return BertConfig(**sizes, types=0, block=block, pooler="none")
    first = number(fields, "pad_token_id", int) + 1 if family == "roberta" else 0
    return BertConfig(**sizes, block=block, first_position=first)


def _block(names: Fields, fields: Json) -> BlockConfig:
    told = fields.get(names.block["activation"])
    if not isinstance(told, str) or told not in _ACTIVATIONS:
        raise FormatError(f"{names.block['activation']} is {told!r}: known are {sorted(_ACTIVATIONS)}")
    values: Json = {"activation": _ACTIVATIONS[told]}
    inner = names.block["feed_forward"]
    if inner == "n_inner" and fields.get(inner) is None:
        fields = {**fields, inner: 4 * number(fields, names.block["width"], int)}
    for ours in ("width", "heads", "feed_forward"):
        values[ours] = number(fields, names.block[ours], int)
    for ours in ("norm_epsilon", "dropout"):
        if ours in names.block:
            values[ours] = number(fields, names.block[ours], float)
    return BlockConfig(**values)


def number(fields: Json, name: str, kind: type) -> Any:
    """Return a required number; true and false are not numbers here.

    Args:
        fields: of a config.json.
        name: which one.
        kind: int or float.

    Returns:
        The value, of that kind.

    Raises:
        FormatError: the field is missing or no such number.
    """
    if name not in fields:
        raise FormatError(f"there is no {name!r}")
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, (int, kind)):
        raise FormatError(f"{name} is {value!r}: expected {'a whole number' if kind is int else 'a number'}")
    return kind(value)
