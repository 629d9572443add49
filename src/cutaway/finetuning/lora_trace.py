"""What fine-tuning changed in one matrix: the adapter's two factors, their product, and how large it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from cutaway.core.errors import FormatError, UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.finetuning.lora import TARGETS
from cutaway.finetuning.saved import CONFIG, WEIGHTS, find_folder, read_config
from cutaway.transformers.encoders import load_encoder

SHOWN = 16
SINGULAR = 16


def trace_adapter(run_or_name: str | Path, *, layer: int, target: str, shown: int = SHOWN) -> Trace:
    """Show one adapter: ΔW = (α / r) B A, where it is largest.

    A matrix has a hundred thousand numbers or more. The trace holds those of the rows and columns that
    were changed most; the singular values are those of the whole matrix.

    Args:
        run_or_name: a trained classifier, as `Classifier.load` takes it.
        layer: which block, from 1.
        target: which of its linear layers: "query", "key", "value", "output", "up" or "down".
        shown: rows and columns to keep.

    Returns:
        A trace. `b` (output, rank), `a` (rank, input), `change` and `weight` and `merged` (output, input),
        `singular_change` and `singular_weight` (place), `sizes` (layer, target): ‖ΔW‖ / ‖W‖ of each adapter.

    Raises:
        FormatError: the weights cannot be read.
        UsageError: the model has no such adapter.

    Source:
        Hu et al. 2021, arXiv:2106.09685, section 4.1, equation 3.
    """
    folder = find_folder(run_or_name)
    config, stored = read_config(folder / CONFIG), _stored(folder / WEIGHTS)
    encoder = load_encoder(config["base"])
    scale = config["lora"]["alpha"] / max(config["lora"]["rank"], 1)
    name = f"encoder.blocks.{layer - 1}.{target}"
    if f"{name}.a" not in stored:
        raise UsageError(f"no adapter stands at layer {layer}, {target}: {_places(stored)}")
    rec = Recorder(f"adapter of layer {layer}, {target}")
    whole_a, whole_b = stored[f"{name}.a"], stored[f"{name}.b"]
    matrix = encoder.get_submodule(name.removeprefix("encoder.")).get_parameter("weight").detach()
    _keep_largest(rec, matrix, (whole_b, whole_a, scale), shown)
    _keep_spectra(rec, matrix, scale * whole_b @ whole_a)
    _keep_sizes(rec, encoder, stored, scale)
    rec.label("rank", [str(at + 1) for at in range(len(whole_a))])
    rec.fact("scale", scale)
    rec.fact("rank", len(whole_a))
    rec.fact("trained", whole_a.numel() + whole_b.numel())
    rec.fact("frozen", matrix.numel())
    return rec.finish()


def _stored(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (safetensors.SafetensorError, ValueError) as error:
        raise FormatError(f"{path} is not a readable safetensors file: {error}") from error


def _keep_largest(rec: Recorder, matrix: Tensor, adapter: tuple[Tensor, Tensor, float], shown: int) -> None:
    """Keep B, A, their product and what it is added to, of the rows and columns that changed most."""
    whole_b, whole_a, scale = adapter
    rows, columns = _largest(scale * whole_b @ whole_a, shown)
    b = rec.keep("b", whole_b[rows], axes=("output", "rank"), formula="B, learned; 0 at the start")
    a = rec.keep("a", whole_a[:, columns], axes=("rank", "input"), formula="A, learned")
    change = rec.keep(
        "change", scale * (b @ a), axes=("output", "input"), formula="ΔW = (α / r) B A", inputs=("b", "a")
    )
    weight = rec.keep(
        "weight", matrix[rows][:, columns], axes=("output", "input"), formula="W, pretrained and frozen"
    )
    rec.keep(
        "merged",
        weight + change,
        axes=("output", "input"),
        formula="W′ = W + ΔW",
        inputs=("weight", "change"),
    )
    rec.label("output", [str(int(row)) for row in rows])
    rec.label("input", [str(int(column)) for column in columns])


def _places(stored: dict[str, Tensor]) -> str:
    """Say where adapters stand."""
    found = [name.split(".") for name in stored if name.endswith(".a")]
    if not found:
        return "this model has none"
    targets = ", ".join(sorted({parts[3] for parts in found}))
    return f"they stand at layers 1 to {max(int(parts[2]) for parts in found) + 1}, at {targets}"


def _largest(change: Tensor, shown: int) -> tuple[Tensor, Tensor]:
    """The rows and columns with the largest norms, in the matrix's order."""
    norms = change.norm(dim=1), change.norm(dim=0)
    rows, columns = (norm.topk(min(shown, len(norm))).indices.sort().values for norm in norms)
    return rows, columns


def _keep_spectra(rec: Recorder, weight: Tensor, change: Tensor) -> None:
    """Singular values: of the change no more than the rank are above 0."""
    for name, matrix in (("singular_change", change), ("singular_weight", weight)):
        values = torch.linalg.svdvals(matrix.double())[:SINGULAR]
        rec.keep(name, values, axes=("place",), formula="σ of U Σ Vᵀ, the largest first")


def _keep_sizes(rec: Recorder, encoder: nn.Module, stored: dict[str, Tensor], scale: float) -> None:
    """How large each adapter's product is beside the matrix that it changes."""
    names = sorted({name.removesuffix(".a") for name in stored if name.endswith(".a")})
    layers = sorted({int(name.split(".")[2]) for name in names})
    used = {name.split(".")[3] for name in names}
    targets = [target for target in TARGETS if target in used]
    sizes: Any = np.full((len(layers), len(targets)), np.nan)
    for name in names:
        a, b = stored[f"{name}.a"].double(), stored[f"{name}.b"].double()
        weight = (
            encoder.get_submodule(name.removeprefix("encoder.")).get_parameter("weight").detach().double()
        )
        # ‖BA‖² = tr(BᵀB AAᵀ): two small products in the place of a large one.
        square = float(((b.T @ b) * (a @ a.T).T).sum())
        at = layers.index(int(name.split(".")[2])), targets.index(name.split(".")[3])
        sizes[at] = scale * max(square, 0.0) ** 0.5 / float(weight.norm())
    rec.keep("sizes", sizes, axes=("layer", "target"), formula="‖ΔW‖ / ‖W‖")
    rec.label("layer", [str(layer + 1) for layer in layers])
    rec.label("target", targets)
