"""Random checkpoints laid out as the hub's own five: their keys, their old names, their buffers, their config.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "bad", "film", "kept", "me", "##s", ".")
BYTES = 300  # tokens of the byte-level tokenizers


@dataclass(frozen=True, kw_only=True)
class Made:
    """One checkpoint: the reference's model, and the files that the hub would have of it."""

    model: Any
    files: dict[str, bytes]


def make(name: str, reference: Any, tokenizer_json: bytes) -> Made:
    """Draw a checkpoint.

    Args:
        name: in the catalog.
        reference: the `transformers` library.
        tokenizer_json: of a byte-level tokenizer of at most `BYTES` tokens.
    """
    torch.manual_seed(len(name))
    kind, fields = _FIELDS[name]
    config = reference.AutoConfig.for_model(**fields, attn_implementation="eager")
    model = getattr(reference, kind)(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    vocabulary = {"vocab.txt": ("\n".join(WORDS) + "\n").encode()}
    tokenizer = {"tokenizer.json": tokenizer_json} if name in ("gpt2", "roberta-base") else vocabulary
    if name in ("bert-base-uncased", "distilbert-base-uncased"):
        tokenizer["tokenizer.json"] = b"{}"
    return Made(
        model=model,
        files={
            "model.safetensors": save(_old_keys(name, model), metadata={"format": "pt"}),
            "config.json": json.dumps(fields).encode(),
            **tokenizer,
        },
    )


def _old_keys(name: str, model: nn.Module) -> dict[str, torch.Tensor]:
    """The weights under the keys that the hub's files have, tied ones once."""
    tied = ("decoder.weight", "decoder.bias", "lm_head.weight", "vocab_projector.weight")
    kept = {
        key: tensor.clone()
        for key, tensor in model.state_dict().items()
        if not (key.endswith(tied) and "transform.dense" not in key)
    }
    if name == "bert-base-uncased":
        return {
            key.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): one
            for key, one in kept.items()
        }
    if name == "roberta-base":
        return {**kept, "roberta.embeddings.position_ids": torch.arange(34)[None]}
    if name == "gpt2":
        mask = torch.tril(torch.ones(1, 1, 32, 32))
        bare = {key.removeprefix("transformer."): tensor for key, tensor in kept.items()}
        return {**bare, **{f"h.{layer}.attn.bias": mask.clone() for layer in range(2)}}
    return kept


_BERT = {
    "architectures": ["BertForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "gradient_checkpointing": False,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 24,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 32,
    "model_type": "bert",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
    "transformers_version": "4.6.0.dev0",
    "type_vocab_size": 2,
    "use_cache": True,
    "vocab_size": len(WORDS),
}
_DISTILBERT = {
    "activation": "gelu",
    "architectures": ["DistilBertForMaskedLM"],
    "attention_dropout": 0.1,
    "dim": 16,
    "dropout": 0.1,
    "hidden_dim": 24,
    "initializer_range": 0.02,
    "max_position_embeddings": 32,
    "model_type": "distilbert",
    "n_heads": 4,
    "n_layers": 2,
    "pad_token_id": 0,
    "qa_dropout": 0.1,
    "seq_classif_dropout": 0.2,
    "sinusoidal_pos_embds": False,
    "tie_weights_": True,
    "vocab_size": len(WORDS),
}
_ROBERTA = {
    "architectures": ["RobertaForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 24,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 34,
    "model_type": "roberta",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "pad_token_id": 1,
    "type_vocab_size": 1,
    "vocab_size": BYTES,
}
_GPT2 = {
    "activation_function": "gelu_new",
    "architectures": ["GPT2LMHeadModel"],
    "attn_pdrop": 0.1,
    "bos_token_id": BYTES - 1,
    "embd_pdrop": 0.1,
    "eos_token_id": BYTES - 1,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "model_type": "gpt2",
    "n_ctx": 32,
    "n_embd": 16,
    "n_head": 4,
    "n_layer": 2,
    "n_positions": 32,
    "resid_pdrop": 0.1,
    "summary_activation": None,
    "summary_first_dropout": 0.1,
    "summary_proj_to_labels": True,
    "summary_type": "cls_index",
    "summary_use_proj": True,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    "vocab_size": BYTES,
}
_SENTIMENT = {
    **_DISTILBERT,
    "architectures": ["DistilBertForSequenceClassification"],
    "finetuning_task": "sst-2",
    "id2label": {"0": "NEGATIVE", "1": "POSITIVE"},
    "label2id": {"NEGATIVE": 0, "POSITIVE": 1},
    "output_past": True,
}
_FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert-base-uncased": ("BertForPreTraining", _BERT),
    "roberta-base": ("RobertaForMaskedLM", _ROBERTA),
    "distilbert-base-uncased": ("DistilBertForMaskedLM", _DISTILBERT),
    "distilbert-base-uncased-finetuned-sst-2-english": ("DistilBertForSequenceClassification", _SENTIMENT),
    "gpt2": ("GPT2LMHeadModel", _GPT2),
}
NAMES = tuple(_FIELDS)
