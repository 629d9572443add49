"""Room 4's contenders: one encoder as each library runs it, text to the mean of its tokens' vectors.

Every contender reads the same weights, written to a folder that all of them load, and batches of 32 texts of
at most 256 tokens, as it does by default; ours fills batches by tokens. Two threads each.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cutaway.finetuning.classifier import Classifier
from cutaway.training.batches import token_budget_batches
from cutaway.transformers.bert import Bert
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.prepared import BUDGETS
from cutaway.transformers.products import Precision

Array = np.ndarray[Any, Any]
Embed = Callable[[Sequence[str]], Array]
LONGEST, PEER_BATCH, THREADS = 256, 32, 2


def write_folder(classifier: Classifier, folder: Path) -> None:
    """Write the encoder and its tokenizer as every library reads them."""
    classifier.encoder.save(folder)
    classifier.tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "BertTokenizer", "do_lower_case": true}'
    )
    (folder / "vocab.txt").write_text(
        "\n".join(classifier.tokenizer.token_of(at) for at in range(classifier.tokenizer.vocab_size)) + "\n",
        encoding="utf-8",
    )


def rows_of(classifier: Classifier, texts: Sequence[str]) -> list[Array]:
    """[CLS] and what fits, then [SEP], as every BERT pipeline cuts."""
    cut = []
    for row in classifier.tokenizer.encode_batch(list(texts)):
        whole = row if len(row) <= LONGEST else np.concatenate([row[: LONGEST - 1], row[-1:]])
        cut.append(whole.astype(np.int64))
    return cut


def ours(classifier: Classifier, precision: Precision) -> Embed:
    """This package, packed rows."""
    bert: Bert = classifier.encoder

    def embed(texts: Sequence[str]) -> Array:
        rows = rows_of(classifier, texts)
        out = torch.empty(len(rows), bert.config.width)
        for at in token_budget_batches([len(row) for row in rows], budget=BUDGETS[precision], seed=None):
            batch = PackedBatch.from_rows([rows[number] for number in at])
            out[torch.from_numpy(at)] = batch.mean(bert.infer(batch, precision=precision))
        return out.numpy()

    return embed


def pipeline(folder: Path) -> Embed:
    """The reference library's feature-extraction pipeline, its outputs averaged over the real tokens."""
    import transformers

    made = transformers.pipeline("feature-extraction", model=str(folder), tokenizer=str(folder), device="cpu")
    options = {"truncation": True, "max_length": LONGEST}

    def embed(texts: Sequence[str]) -> Array:
        counts = [len(ids) for ids in made.tokenizer(list(texts), **options)["input_ids"]]
        found = made(list(texts), batch_size=PEER_BATCH, tokenize_kwargs=options, return_tensors=True)
        return torch.stack([one[0, :n].mean(0) for one, n in zip(found, counts, strict=True)]).numpy()

    return embed


def sentence_transformers(folder: Path) -> Embed:
    """The usual library for embeddings; it sorts by length."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    body = Transformer(str(folder), max_seq_length=LONGEST)
    model = SentenceTransformer(modules=[body, Pooling(body.get_embedding_dimension(), "mean")], device="cpu")

    def embed(texts: Sequence[str]) -> Array:
        found: Array = model.encode(list(texts), batch_size=PEER_BATCH, show_progress_bar=False)
        return found

    return embed


def export_onnx(folder: Path, quantized: str) -> Path:
    """Export the reference's model with its mask; "int8" quantizes the products' weights."""
    import transformers

    path = folder / "model.onnx"
    if not path.exists():
        model = transformers.BertModel.from_pretrained(folder, attn_implementation="eager").eval()
        ids, mask = torch.ones(2, 8, dtype=torch.long), torch.tensor([[1] * 8, [1] * 5 + [0] * 3])
        names = {0: "row", 1: "token"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Exported(model), (ids, mask), str(path),
                input_names=["ids", "mask"], output_names=["hidden"],
                dynamic_axes={"ids": names, "mask": names, "hidden": names}, dynamo=False,
            )  # fmt: skip
    if quantized != "int8":
        return path
    small = folder / "model.int8.onnx"
    if not small.exists():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(str(path), str(small), weight_type=QuantType.QInt8, per_channel=True)
    return small


class _Exported(torch.nn.Module):
    """The encoder with its mask written out, as exporters want it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Encode padded rows."""
        hidden = self.model.embeddings(input_ids=ids)
        hides = (1 - mask[:, None, None, :].float()) * -1e9
        for layer in self.model.encoder.layer:
            hidden = layer(hidden, attention_mask=hides)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        return hidden


def onnx_runtime(classifier: Classifier, path: Path) -> Embed:
    """ONNX Runtime over batches of 32 sorted by length, the kindest that padding can be to it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def embed(texts: Sequence[str]) -> Array:
        rows = rows_of(classifier, texts)
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        out = np.empty((len(rows), classifier.encoder.config.width), np.float32)
        for start in range(0, len(rows), PEER_BATCH):
            at = order[start : start + PEER_BATCH]
            ids = np.zeros((len(at), max(len(rows[n]) for n in at)), np.int64)
            mask = np.zeros_like(ids)
            for line, n in enumerate(at):
                ids[line, : len(rows[n])], mask[line, : len(rows[n])] = rows[n], 1
            hidden = session.run(None, {"ids": ids, "mask": mask})[0]
            out[at] = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        return out

    return embed
