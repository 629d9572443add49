"""A card for an exported model: what it is, what it reads, how it was checked, how to load it."""

from __future__ import annotations

from cutaway.core.version import VERSION
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.export.onnx_file import Agreement
from cutaway.finetuning.version import version_of

_LOADING = {
    "hf": """```python
from transformers import pipeline

classify = pipeline("text-classification", model="<this folder>", top_k=None)
classify("...", truncation=True)
```

Keep it in float32. The encoder has one block more than its base: it is not learned, it takes the mean of
all tokens, which the stock model does not. Texts over {longest} tokens are cut by the caller
(`truncation=True` keeps one end; this model was trained on {truncation}).""",
    "onnx": """`cutaway predict <this folder> "TEXT"`, or

```python
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
logits = session.run(["logits"], {{"input_ids": ids, "attention_mask": mask}})[0]
```

`input_ids` and `attention_mask` are int64, (batch, length), both free, padded rows masked with 0; `logits`
is (batch, {classes}), the softmax of which are the probabilities. Ids come from tokenizer.json; of a longer
text {longest} tokens are read ({truncation}).""",
    "merged": """```python
from cutaway import {encoder}, Tokenizer

encoder, tokenizer = {encoder}.load("<this folder>"), Tokenizer.load("<this folder>")
```

The encoder with its adapters merged, as `transformers.AutoModel` loads it too; `head.safetensors` holds
`weight` ({classes} rows) and `bias` of the layer behind the mean of all tokens.""",
}


def write_card(classifier: Classifier, form: str, agreement: Agreement | None) -> str:
    """Return the card's text, in Markdown.

    Args:
        classifier: that was exported.
        form: "hf", "onnx", "onnx-int8" or "merged".
        agreement: how the graph was checked.
    """
    settings = classifier.settings
    loading = _LOADING["onnx" if form.startswith("onnx") else form].format(
        classes=len(settings.labels),
        encoder=type(classifier.encoder).__name__,
        longest=settings.inputs.max_tokens,
        truncation=settings.inputs.truncation,
    )
    lines = [
        "---",
        "pipeline_tag: text-classification",
        f"base_model: {classifier.encoder.name or settings.base}",
        "---",
        "",
        f"# A text classifier over {classifier.encoder.name or settings.base}",
        "",
        f"- labels, in the order of the scores: {', '.join(settings.labels)}",
        f"- reads {settings.inputs.max_tokens} tokens of a text, {settings.inputs.truncation}",
        f"- version {version_of(classifier)}; exported as {form} by cutaway {VERSION}",
    ]
    if classifier.encoder.sha256:
        lines.append(f"- base weights: sha256 {classifier.encoder.sha256}")
    if agreement:
        lines.append(f"- probabilities differ from PyTorch's by at most {agreement.most:.2g} at three shapes")
        if agreement.accuracy is not None and agreement.exported is not None:
            lines.append(
                f"- accuracy on {agreement.texts:,} texts: {agreement.accuracy:.2%} in PyTorch, "
                f"{agreement.exported:.2%} exported"
            )
    return "\n".join([*lines, "", "## Loading", "", loading, ""])
