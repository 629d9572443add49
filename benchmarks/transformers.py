"""Room 4 measured, beside the libraries that people use, all in one run.

    python benchmarks/transformers.py sentence trace start generation reviews

Needs the data folder (CUTAWAY_DATA) and the peers (transformers, sentence-transformers, onnxruntime). Parts
that are not named keep their figures of the same day and commit.

Each slice of the reviews goes through every contender in turn, and the turn's order moves on from slice to
slice, so that a busy moment strikes all of them alike. What is timed is text to the mean of its tokens'
vectors, tokenizer included; the probabilities are the film-review classifier's, from those means. A single
sentence is read several times in a row by each contender, after a pause in which the threads of the one
before go to sleep (they would run in circles, waiting for work, on the cores of the next); the first times,
which fetch its weights, are not counted.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# This file has the name of a package that it measures against: its folder must not come first.
HERE = Path(__file__).resolve().parent
sys.path[:] = [part for part in sys.path if Path(part or ".").resolve() != HERE]

import numpy as np  # noqa: E402
import pyarrow.parquet  # noqa: E402
import torch  # noqa: E402

import transformers  # noqa: E402
from cutaway.catalog.resolve import resolve  # noqa: E402
from cutaway.finetuning.classifier import Classifier  # noqa: E402
from cutaway.finetuning.export.exporting import export  # noqa: E402
from cutaway.transformers.config import BlockConfig, GptConfig  # noqa: E402
from cutaway.transformers.gpt import Gpt  # noqa: E402
from cutaway.transformers.products import Precision, fastest_precision, works_here  # noqa: E402

sys.path.append(str(HERE))

from record import write_record  # noqa: E402
from transformers_peers import (  # noqa: E402
    LONGEST,
    THREADS,
    Array,
    Embed,
    export_onnx,
    onnx_runtime,
    ours,
    pipeline,
    sentence_transformers,
    write_folder,
)

REVIEWS, SLICE, RUNS, NEW_TOKENS = 500, 128, 60, 256
PAUSE, UNCOUNTED, TIMES = 0.05, 5, 10  # seconds, readings in a row
SENTENCE = "The long and slow film kept me awake until the very end"
PEER = "HF pipeline"
Result = dict[str, object]


def contenders(classifier: Classifier, folder: Path) -> dict[str, Embed]:
    """Every contender, ready; ours in float32, in what this machine multiplies fastest, and whole numbers."""
    write_folder(classifier, folder)
    mine: dict[str, Embed] = {name: ours(classifier, name) for name in _precisions()}
    return mine | {
        PEER: pipeline(folder),
        "sentence-transformers": sentence_transformers(folder),
        "ONNX Runtime float32": onnx_runtime(classifier, export_onnx(folder, "no")),
        "ONNX Runtime int8": onnx_runtime(classifier, export_onnx(folder, "int8")),
    }


def _precisions() -> list[Precision]:
    whole: list[Precision] = ["int16", "int8"]
    return list(dict.fromkeys(["float32", fastest_precision(384, 1536), *filter(works_here, whole)]))


def in_turn(
    work: dict[str, Callable[[Any], Any]], slices: Sequence[Any]
) -> tuple[dict[str, list[float]], dict[str, list[Any]]]:
    """Give every slice to every contender; return seconds a slice and the answers."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    answers: dict[str, list[Any]] = {name: [] for name in work}
    names = list(work)
    for turn, piece in enumerate(slices):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = time.perf_counter()
            answers[name].append(work[name](piece))
            seconds[name].append(time.perf_counter() - started)
    return seconds, answers


def reviews(classifier: Classifier, all_of: dict[str, Embed]) -> list[Result]:
    table = pyarrow.parquet.read_table(resolve("imdb").files["test_half.parquet"], columns=["text"])
    texts = table["text"].slice(0, REVIEWS).to_pylist()
    for embed in all_of.values():
        embed(texts[:8])  # the first call sets up threads and memory
    seconds, parts = in_turn(dict(all_of), [texts[at : at + SLICE] for at in range(0, REVIEWS, SLICE)])
    answers = {name: np.concatenate(found) for name, found in parts.items()}
    chances = {name: probabilities(classifier, means) for name, means in answers.items()}
    peer, fastest = sum(seconds[PEER]), fastest_precision(384, 1536)
    return [
        {
            "work": f"{REVIEWS} reviews cut at {LONGEST} tokens, {name}",
            "seconds": sum(seconds[name]), "seconds_by_slice": seconds[name],
            "reviews_per_second": REVIEWS / sum(seconds[name]),
            "peer": f"{PEER}, batches of 32", "peer_seconds": peer, "ratio": peer / sum(seconds[name]),
            "largest_difference_of_a_number": float(np.abs(answers[name] - answers[PEER]).max()),
            "largest_difference_of_a_probability": float(np.abs(chances[name] - chances[PEER]).max()),
            "chosen_as_fastest": name == fastest,
        }
        for name in all_of
    ]  # fmt: skip


def probabilities(classifier: Classifier, means: Array) -> Array:
    with torch.inference_mode():
        found: Array = classifier.head(torch.from_numpy(means)).softmax(-1).numpy()
    return found


def sentence(all_of: dict[str, Embed]) -> list[Result]:
    def several(embed: Embed) -> list[float]:
        time.sleep(PAUSE)
        seconds = []
        for _ in range(UNCOUNTED + TIMES):
            started = time.perf_counter()
            embed([SENTENCE])
            seconds.append(time.perf_counter() - started)
        return seconds[UNCOUNTED:]

    work = {name: lambda _, embed=embed: several(embed) for name, embed in all_of.items()}
    _, found = in_turn(work, range(RUNS // TIMES))
    medians = {name: statistics.median(itertools.chain(*parts)) for name, parts in found.items()}
    return [
        {
            "work": f"one 12-word sentence, text to vector, median of {RUNS}, {name}", "seconds": median,
            "peer": PEER, "peer_seconds": medians[PEER], "ratio": medians[PEER] / median,
        }
        for name, median in medians.items()
    ]  # fmt: skip


PROCESSES = {
    "cutaway": "import cutaway; cutaway.Classifier.load('sentiment').predict([{text!r}])",
    "cutaway, exported graph": (
        "from cutaway.finetuning.graph_classifier import GraphClassifier; "
        "GraphClassifier.load({folder!r} + '/graph').predict([{text!r}])"
    ),
    PEER: (
        "import transformers; "
        "transformers.pipeline('feature-extraction', model={folder!r}, device='cpu')({text!r})"
    ),
    "ONNX Runtime float32": (
        "import numpy as np, onnxruntime, tokenizers; "
        "read = tokenizers.Tokenizer.from_file({folder!r} + '/tokenizer.json').encode({text!r}).ids; "
        "ids = np.array([read]); "
        "session = onnxruntime.InferenceSession({folder!r} + '/model.onnx'); "
        "session.run(None, dict(ids=ids, mask=np.ones_like(ids)))"
    ),
}


def start(classifier: Classifier, folder: Path, runs: int = 5) -> list[Result]:
    """Whole processes, from nothing to the first answer."""
    export_onnx(folder, "no")
    export(classifier, "onnx", folder / "graph")
    filled = {name: code.format(text=SENTENCE, folder=str(folder)) for name, code in PROCESSES.items()}
    seconds, peaks = in_turn({name: _process(code) for name, code in filled.items()}, [None] * (runs + 1))
    medians = {name: statistics.median(found[1:]) for name, found in seconds.items()}
    return [
        {
            "work": f"a whole process to its first answer, median of {runs}, {name}", "seconds": median,
            "peak_megabytes": statistics.median(peaks[name][1:]),
            "peer": PEER, "peer_seconds": medians[PEER], "ratio": medians[PEER] / median,
        }
        for name, median in medians.items()
    ]  # fmt: skip


# A process starts out with its parent's peak: one with nothing in it stands between.
_BETWEEN = (
    "import os, subprocess, sys; "
    "child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=2, stderr=subprocess.DEVNULL); "
    "_, status, usage = os.wait4(child.pid, 0); "
    "print(usage.ru_maxrss / 1024); "
    "sys.exit(os.waitstatus_to_exitcode(status))"
)


def _process(code: str) -> Callable[[Any], float]:
    def run(_: Any) -> float:
        done = subprocess.run(
            [sys.executable, "-S", "-c", _BETWEEN, code], capture_output=True, text=True, check=True,
            env=os.environ | {"OMP_NUM_THREADS": str(THREADS), "HF_HUB_OFFLINE": "1"},
            cwd=tempfile.gettempdir(),
        )  # fmt: skip
        return float(done.stdout)

    return run


def generation() -> list[Result]:
    """The same tokens with keys and values kept, and with the whole text read again at each step."""
    torch.manual_seed(0)
    block = BlockConfig(width=384, heads=6, feed_forward=1536, order="pre", activation="gelu_tanh")
    gpt = Gpt(GptConfig(vocabulary=8000, positions=512, layers=6, block=block)).eval()
    prompt = np.arange(8)
    kept = {
        "kept": lambda tokens: gpt.generate(prompt, tokens=tokens),
        "again": lambda tokens: gpt.generate(prompt, tokens=tokens, keep="nothing"),
    }
    in_turn(kept, [8])
    seconds, answers = in_turn(kept, [NEW_TOKENS] * 3)
    if any((a != b).any() for a, b in zip(*answers.values(), strict=True)):
        raise RuntimeError("cached and uncached generation differ")
    mine, peer = (statistics.median(seconds[name]) for name in kept)
    return [
        {
            "work": f"{NEW_TOKENS} tokens generated, keys and values kept, 6 layers of width 384",
            "seconds": mine, "peer": "our own, the whole text read again at each step",
            "peer_seconds": peer, "ratio": peer / mine,
        }
    ]  # fmt: skip


def trace(classifier: Classifier, runs: int = 20) -> list[Result]:
    """A forward pass with everything kept, beside the fast one."""
    row = np.tile(np.array(classifier.tokenizer.encode(SENTENCE).ids), 3)[:32]
    from cutaway.transformers.packing import PackedBatch

    bert = classifier.encoder
    work: dict[str, Callable[[Any], Any]] = {
        "open": bert.trace,
        "fast": lambda ids: bert.infer(PackedBatch.from_rows([ids])),
    }
    seconds, _ = in_turn(work, [row] * (runs + 3))
    mine, fast = (statistics.median(seconds[name][3:]) for name in ("open", "fast"))
    return [
        {
            "work": "trace of 32 tokens, everything kept, median", "seconds": mine,
            "peer": "our own fast path", "peer_seconds": fast, "ratio": fast / mine,
        }
    ]  # fmt: skip


def main(parts: Sequence[str]) -> None:
    torch.set_num_threads(min(THREADS, os.cpu_count() or 1))
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    classifier = Classifier.load("sentiment")
    with tempfile.TemporaryDirectory() as made, torch.inference_mode():
        folder = Path(made)
        all_of = contenders(classifier, folder) if {"reviews", "sentence", "start"} & set(parts) else {}
        measure = {
            "reviews": lambda: reviews(classifier, all_of),
            "sentence": lambda: sentence(all_of),
            "start": lambda: start(classifier, folder),
            "generation": generation,
            "trace": lambda: trace(classifier),
        }
        for part in parts:
            write_record("transformers", [{"part": part, **result} for result in measure[part]()])


if __name__ == "__main__":
    main(sys.argv[1:] or ["sentence", "trace", "start", "generation", "reviews"])
