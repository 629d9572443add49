"""Word vectors opened and asked, measured: gensim, NumPy and torch in the same run.

    python benchmarks/embeddings_queries.py

GloVe 6B, 400,000 words of 50 dimensions; two cores, two threads for everyone. Runs take turns, so that
a busy moment strikes ours and the peers alike; the figures are medians. What needs a process of its own
(opening, memory) gets one for each run.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

THREADS = 2
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(THREADS)

import numpy as np  # noqa: E402

from cutaway.catalog.resolve import resolve  # noqa: E402
from cutaway.embeddings.vectors import WordVectors  # noqa: E402

# Each program prints the seconds after its imports, and the memory that its work added, in bytes.
AROUND = """
import pathlib, sys, time
{imports}
def memory():
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])
source = sys.argv[1]
{before}
pathlib.Path("/proc/self/clear_refs").write_text("5")  # from here on the peak counts anew
held, started = memory(), time.perf_counter()
{work}
print(time.perf_counter() - started, memory() - held)
"""
OURS = "from cutaway.embeddings.vectors import WordVectors"
GENSIM = "from gensim.models import KeyedVectors"
OPEN_NUMPY = """
table = np.load(source + "/glove_6B_50d_emb.npy", mmap_mode="r")
words = pq.read_table(source + "/glove_6B_index.parquet")["index"].to_pylist()
row = {word: at for at, word in enumerate(words)}
scores = table @ table[row["king"]] / np.linalg.norm(table, axis=1)
[words[at] for at in np.argsort(-scores)[1:11]]
"""
MANY_TORCH = """
with torch.inference_mode():
    torch.topk(torch.nn.functional.normalize(queries) @ torch.nn.functional.normalize(table).T, 10)
"""
MANY_NUMPY = """
lengths = np.linalg.norm(table, axis=1)
for query in queries:
    scores = table @ query / lengths
    best = np.argpartition(-scores, 10)[:10]
    best[np.argsort(-scores[best])]
"""
ASK_OURS = 'WordVectors.load(source).most_similar("king", topn=10)'
ASK_GENSIM = 'KeyedVectors.load(source, mmap="r").most_similar("king", topn=10)'
TABLE = 'table = np.array(np.load(source + "/glove_6B_50d_emb.npy"), order="C"); queries = table[1000:2000]'
# Opened, checked and asked once before: what a search adds, not what a table takes.
WARM = """
import numpy as np  # noqa: E402
v = WordVectors.load(source); v.most_similar("king"); queries = np.array(v.vectors[1000:2000], order="C")
"""


def program(imports: str, work: str, before: str = "") -> str:
    return AROUND.format(imports=imports, before=before, work=work)


def alone(code: str, source: str) -> tuple[float, float]:
    """Run a program in a process of its own; return its seconds and bytes."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, source], capture_output=True, check=True
    )
    seconds, size = done.stdout.split()[-2:]
    return float(seconds), float(size)


def timed(function: Callable[[], object]) -> Callable[[], float]:
    """Return a function that calls another and returns the seconds it took."""

    def run() -> float:
        started = time.perf_counter()
        function()
        return time.perf_counter() - started

    return run


def compared(
    work: str, ours: Callable[[], float], peers: Mapping[str, Callable[[], float]], runs: int, block: int = 1
) -> list[dict[str, object]]:
    """Call all in turn, `block` times each; return one result for each peer."""
    raw: dict[str, list[float]] = {name: [] for name in ["ours", *peers]}
    for _ in range(runs):
        for name, run in {"ours": ours, **peers}.items():
            raw[name] += [run() for _ in range(block)]
    mine = statistics.median(raw["ours"])
    return [
        {
            "work": work, "peer": name, "seconds": mine, "peer_seconds": statistics.median(raw[name]),
            "ratio": statistics.median(raw[name]) / mine, "raw_seconds": raw["ours"],
            "raw_peer_seconds": raw[name],
        }
        for name in peers
    ]  # fmt: skip


def of(code: str, source: str) -> Callable[[], float]:
    return lambda: alone(code, source)[0]


def opening(folder: Path, runs: int = 7) -> list[dict[str, object]]:
    mapped, native = str(folder / "glove.safetensors"), str(folder / "glove.kv")
    source = str(resolve("glove-6b-50d").folder)
    plain, ask = program("import numpy as np, pyarrow.parquet as pq", OPEN_NUMPY), program(OURS, ASK_OURS)
    peers = {"np.load, a dictionary of the words, argsort": of(plain, source),
             "gensim's native file, mapped": of(program(GENSIM, ASK_GENSIM), native)}  # fmt: skip
    work = "a new process opens GloVe 400,000 × 50 and answers one query, after its imports"
    catalog = compared(f"{work} (.npy)", of(ask, "glove-6b-50d"), peers, runs)
    return catalog + compared(f"{work} (.safetensors)", of(ask, mapped), peers, runs)


def opening_text(folder: Path, runs: int = 3) -> list[dict[str, object]]:
    path = str(folder / "glove.txt")
    ours = of(program(OURS, "WordVectors.load(source)"), path)
    theirs = alone(program(GENSIM, "KeyedVectors.load_word2vec_format(source, no_header=True)"), path)[0]
    return compared("open GloVe 400,000 × 50 from text", ours, {"gensim (one run)": lambda: theirs}, runs)


def one_query(vectors: WordVectors, gensim: object, runs: int) -> list[dict[str, object]]:
    import torch

    torch.set_num_threads(THREADS)
    table = np.array(vectors.vectors, order="C")
    lengths = np.linalg.norm(table, axis=1)
    units = torch.nn.functional.normalize(torch.from_numpy(table))
    asked = iter(range(1000, 10**6))  # another word each time: nobody may remember the last answer

    def plain(query: np.ndarray) -> list[str]:
        scores = table @ query / lengths
        best = np.argpartition(-scores, 10)[:10]
        return [vectors.words[int(row)] for row in best[np.argsort(-scores[best])]]

    def in_torch(query: np.ndarray) -> list[str]:
        with torch.inference_mode():
            scores = units @ torch.nn.functional.normalize(torch.from_numpy(query), dim=0)
            return [vectors.words[int(row)] for row in torch.topk(scores, 10).indices]

    def in_gensim(query: np.ndarray) -> list[str]:
        return [word for word, _ in gensim.similar_by_vector(query, 10)]  # type: ignore[attr-defined]

    king = table[vectors.words.row("king")]
    assert [near.word for near in vectors.nearest(king)] == plain(king) == in_torch(king) == in_gensim(king)
    for _ in range(3):
        vectors.nearest(king)
    # Blocks of ten, for threads of a library that was just used spin on for a while.
    peers = {"NumPy: product, argpartition": plain, "torch: product, topk": in_torch,
             "gensim similar_by_vector": in_gensim}  # fmt: skip
    return compared(
        "one exact query over 400,000 × 50, warm",
        timed(lambda: vectors.nearest(table[next(asked)])),
        {name: timed(lambda ask=ask: ask(table[next(asked)])) for name, ask in peers.items()},
        runs,
        block=10,
    )


def many_queries(gensim_file: str, runs: int = 3) -> list[dict[str, object]]:
    source = str(resolve("glove-6b-50d").folder)
    kernels = "from cutaway.embeddings import neighbor_kernels"
    ours = program(f"{OURS}\n{kernels}", "v.nearest_batch(queries)", WARM)
    in_torch = f"import numpy as np, torch; torch.set_num_threads({THREADS})"
    ask_gensim = "[v.similar_by_vector(query, 10) for query in queries]"
    peers = {
        "torch: one product, topk": (program(in_torch, MANY_TORCH, f"{TABLE}\n{AS_TENSORS}"), source),
        "NumPy one by one": (program("import numpy as np", MANY_NUMPY, TABLE), source),
        "gensim one by one (no batches there)": (program(GENSIM, ask_gensim, WARM_GENSIM), gensim_file),
    }
    raw: dict[str, list[tuple[float, float]]] = {name: [] for name in ["ours", *peers]}
    for _ in range(runs):
        raw["ours"].append(alone(ours, "glove-6b-50d"))
        for name, (code, path) in peers.items():
            if len(raw[name]) == 0 or "gensim" not in name:
                raw[name].append(alone(code, path))
    middle = {
        name: [statistics.median(side) for side in zip(*pairs, strict=True)] for name, pairs in raw.items()
    }
    return [
        {
            "work": "1,000 exact queries over 400,000 × 50, the first batch after a process's imports",
            "peer": name,
            "seconds": middle["ours"][0], "peer_seconds": middle[name][0],
            "ratio": middle[name][0] / middle["ours"][0],
            "extra_mb": middle["ours"][1] / 1e6, "peer_extra_mb": middle[name][1] / 1e6,
            "raw": raw["ours"], "raw_peer": raw[name],
        }
        for name in peers
    ]  # fmt: skip


AS_TENSORS = "table, queries = torch.from_numpy(table), torch.from_numpy(np.array(queries))"
WARM_GENSIM = """
import numpy as np  # noqa: E402
v = KeyedVectors.load(source, mmap="r"); v.most_similar("king"); queries = np.array(v.vectors[1000:2000])
"""


def approximate(vectors: WordVectors, folder: Path, words: int = 1000) -> list[dict[str, object]]:
    """Build a graph, open it again, and compare what it finds with the exact answer."""
    queries = np.array(vectors.vectors[1000 : 1000 + words], order="C")
    started = time.perf_counter()
    fast = vectors.approximate()
    built = time.perf_counter() - started
    fast.save_index(folder / "glove.index")
    again = vectors.approximate(folder / "glove.index")
    exact = vectors.nearest_batch(queries)
    found = again.nearest_batch(queries)
    words_of = [[{word for word, _ in row} for row in rows] for rows in (exact, found)]
    right = sum(len(a & b) for a, b in zip(*words_of, strict=True))
    king = vectors["king"]
    one = compared(
        "one approximate query over 400,000 × 50",
        timed(lambda: again.nearest(king)),
        {"our exact search": timed(lambda: vectors.nearest(king))},
        9,
        block=10,
    )
    recall = {"recall_at_10": right / (10 * words), "build_seconds": built}
    return [{**one[0], **recall, "index_mb": (folder / "glove.index").stat().st_size / 1e6}]


def written(vectors: WordVectors, folder: Path) -> object:
    """Write what the peers open; return gensim's table."""
    from gensim.models import KeyedVectors

    vectors.save(folder / "glove.safetensors")
    with (folder / "glove.txt").open("w", encoding="utf-8") as file:  # byte for byte what Stanford publishes
        for word, row in zip(vectors.words, np.array(vectors.vectors, order="C"), strict=True):
            file.write(f"{word} {' '.join(f'{cell:.5g}' for cell in row.tolist())}\n")
    theirs = KeyedVectors(vectors.dim)
    theirs.add_vectors(list(vectors), np.array(vectors.vectors, order="C"))
    theirs.fill_norms()
    theirs.save(str(folder / "glove.kv"))
    return theirs


def main(parts: Sequence[str]) -> None:
    from record import write_record

    cores = sorted(os.sched_getaffinity(0))[:THREADS]
    os.sched_setaffinity(0, cores)
    vectors = WordVectors.load("glove-6b-50d")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gensim = written(vectors, folder)
        results = one_query(vectors, gensim, 9) if "one" in parts else []
        results += many_queries(str(folder / "glove.kv")) if "many" in parts else []
        results += approximate(vectors, folder) if "approximate" in parts else []
        results += opening(folder) if "opening" in parts else []
        results += opening_text(folder) if "text" in parts else []
    write_record("embeddings-queries", results)


if __name__ == "__main__":
    main(sys.argv[1:] or ["one", "many", "approximate", "opening", "text"])
