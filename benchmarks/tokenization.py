"""Room 1 measured, peers in the same run: WordPiece, byte pairs, Unigram, words, training, one sentence.

    python benchmarks/tokenization.py            every row
    python benchmarks/tokenization.py bpe words  some rows

One pinned core and one thread where nothing else is said, each in turn, medians of the clock. Needs the data
folder (CUTAWAY_DATA, by default ../shared/data where it is there). A peer that is not installed is left out:
tokenizers, tiktoken, sentencepiece and nltk come with the `dev` extra; tokie, fastokens and gigabpe do not.
"""

from __future__ import annotations

import io
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import numpy as np
import pyarrow.parquet as pq

from cutaway.catalog.resolve import resolve
from cutaway.core.errors import CutawayError
from cutaway.tokenization.formats.tiktoken import read_tiktoken
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.tokenization.treebank.fast import treebank_batch
from cutaway.tokenization.treebank.words import treebank_words

REVIEWS = 10_000
SENTENCE = "I love learning about LLMs, and about the way in which transformers handle them."
RUNS = 5
GROWTH = "--growth"  # not for you: `memory` asks for it
Work = Callable[[], object]
Encode = Callable[[list[str]], object]
Row = dict[str, object]


@cache
def reviews() -> list[str]:
    return every_review()[:REVIEWS]


@cache
def every_review() -> list[str]:
    """Reviews without and with a label, in an order that is no file's."""
    texts: list[str] = []
    for name in ("train.parquet", "unlabelled.parquet"):
        path = resolve("imdb").files[name]
        texts += pq.read_table(path, columns=["text"])["text"].to_pylist()
    random.Random(0).shuffle(texts)
    return texts


def compared_on_new_text(encoders: dict[str, Encode], runs: int = RUNS) -> Row:
    """Let all encode the same reviews in turn, others in each run: none has met the text before.

    All have met other reviews: one run is made before those that count. The first encoder is ours.
    """
    raw: dict[str, list[float]] = {name: [] for name in encoders}
    sizes = []
    for run in range(runs + 1):
        texts = every_review()[run * REVIEWS : (run + 1) * REVIEWS]
        sizes.append(megabytes(texts))
        for name, encode in encoders.items():
            started = time.perf_counter()
            encode(texts)
            raw[name].append((time.perf_counter() - started) / sizes[-1])
    medians = {name: statistics.median(values[1:]) for name, values in raw.items()}
    ours, *peers = medians
    return {
        "megabytes_per_second": 1 / medians[ours],
        "megabytes_a_run": sizes[1:],
        "peer_megabytes_per_second": {name: 1 / medians[name] for name in peers},
        "ratios": {name: medians[name] / medians[ours] for name in peers},
        "raw_seconds_a_megabyte": [values[1:] for values in raw.values()],
    }


def megabytes(texts: Sequence[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


def seconds(work: Work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compared(ours: Work, peers: dict[str, Work], runs: int = RUNS) -> Row:
    """Run all in turn; return medians, and how many times our seconds each peer took."""
    everyone = {"ours": ours, **peers}
    raw: dict[str, list[float]] = {name: [] for name in everyone}
    for _ in range(runs):
        for name, work in everyone.items():
            raw[name].append(seconds(work))
    medians = {name: statistics.median(values) for name, values in raw.items()}
    mine = medians.pop("ours")
    return {
        "seconds": mine,
        "peer_seconds": medians,
        "ratios": {name: theirs / mine for name, theirs in medians.items()},
        "raw_seconds": list(raw.values()),
    }


def named(package: str) -> str:
    return f"{package} {version(package)}"


def installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def flat(rows: Sequence[Sequence[int]]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Lists of ids to one array, as ours are: a part of the work."""
    return np.concatenate([np.array(row, np.int32) for row in rows])


def wordpiece() -> list[Row]:
    import tokenizers

    texts = reviews()
    ours = Tokenizer.load("bert-base-uncased")
    path = str(resolve("all-MiniLM-L6-v2").files["tokenizer.json"])
    reference = tokenizers.Tokenizer.from_file(path)
    reference.no_truncation()
    reference.no_padding()
    peers: dict[str, Work] = {
        named("tokenizers"): lambda: flat([row.ids for row in reference.encode_batch_fast(texts)])
    }
    if installed("tokie"):
        import tokie

        rust = tokie.Tokenizer.from_json(path)
        peers[named("tokie")] = lambda: rust.encode_batch_flat(texts)
    expected = flat([row.ids for row in reference.encode_batch_fast(texts)])
    assert np.array_equal(ours.encode_batch(texts, threads=1).ids, expected)
    size = megabytes(texts)
    found = compared(lambda: ours.encode_batch(texts, threads=1), peers)
    return [
        _row(f"WordPiece to arrays, {size:.1f} MB of reviews", found, size),
        _two_threads("WordPiece", ours),
    ]


def bpe() -> list[Row]:
    import tiktoken

    texts, size = reviews(), megabytes(reviews())
    path = resolve_rank_file("cl100k")
    ours, file = Tokenizer.load(path), read_tiktoken(path)
    reference = tiktoken.Encoding(
        "cl100k",
        pat_str=file.encoding.pattern,
        mergeable_ranks=dict(file.ranks),
        special_tokens=dict(file.encoding.special),
    )
    expected = flat(reference.encode_ordinary_batch(texts, num_threads=1))
    assert np.array_equal(ours.encode_batch(texts, threads=1).ids, expected)
    encoders: dict[str, Encode] = {
        "ours": lambda texts: ours.encode_batch(texts, threads=1),
        named("tiktoken"): lambda texts: flat(reference.encode_ordinary_batch(texts, num_threads=1)),
    }
    if installed("fastokens"):
        import fastokens

        rust = fastokens.Tokenizer.from_tiktoken(str(path), encoding="cl100k_base")
        encoders[named("fastokens")] = rust.encode_batch_flat
    work = f"byte pairs cl100k to arrays, new text, {size:.1f} MB a run"
    rows = [{"work": work, **compared_on_new_text(encoders)}, _two_threads("byte pairs cl100k", ours)]
    return [*rows, *_long_strings(ours)]


def resolve_rank_file(name: str) -> Path:
    data = Path(os.environ["CUTAWAY_DATA"])
    return data / "tokenizers" / f"{name}_base.tiktoken"


def unigram() -> list[Row]:
    import sentencepiece

    texts, size = reviews(), megabytes(reviews())
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts[::2]), model_writer=out, vocab_size=8000, minloglevel=2
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spiece.model"
        path.write_bytes(out.getvalue())
        ours = Tokenizer.load(path)
    reference = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
    assert ours.encode_batch(texts).ids.tolist() == [
        number for row in reference.encode(texts) for number in row
    ]
    encoders: dict[str, Encode] = {
        "ours": lambda texts: ours.encode_batch(texts, threads=1),
        named("sentencepiece"): lambda texts: flat(reference.encode(texts, num_threads=1)),
    }
    work = f"Unigram of 8,000 to arrays, new text, {size:.1f} MB a run"
    return [{"work": work, **compared_on_new_text(encoders)}, _two_threads("Unigram", ours)]


def words() -> list[Row]:
    from nltk.tokenize import NLTKWordTokenizer

    texts = reviews()[:2000]
    reference, size = NLTKWordTokenizer(), megabytes(texts)
    found = compared(
        lambda: treebank_batch(texts, threads=1),
        {named("nltk"): lambda: [reference.tokenize(text) for text in texts]},
    )
    few, small = texts[:200], megabytes(texts[:200])
    opened = compared(
        lambda: [treebank_words(text) for text in few],
        {named("nltk"): lambda: [reference.tokenize(text) for text in few]},
        3,
    )
    return [
        _row(f"Treebank words with places to arrays, {size:.1f} MB", found, size),
        _row(f"Treebank words with places, open path, {small:.2f} MB", opened, small),
    ]


def training() -> list[Row]:
    import tokenizers
    from tokenizers import Regex, models, pre_tokenizers, trainers

    from cutaway.tokenization.splitters.patterns import LLAMA3

    texts, size = reviews(), megabytes(reviews())

    def byte_pairs() -> object:
        theirs = tokenizers.Tokenizer(models.BPE())
        theirs.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=16_000, min_frequency=2, initial_alphabet=alphabet, show_progress=False
        )
        theirs.train_from_iterator(texts, trainer)
        return theirs

    def pieces() -> object:
        theirs = tokenizers.BertWordPieceTokenizer()
        theirs.train_from_iterator(texts, vocab_size=16_000, show_progress=False)
        return theirs

    peer = named("tokenizers")
    found = compared(lambda: Tokenizer.train(texts), {peer: byte_pairs}, 3)
    others = compared(lambda: Tokenizer.train(texts, model="wordpiece"), {peer: pieces}, 3)

    def unigrams() -> object:
        theirs = tokenizers.Tokenizer(models.Unigram())
        theirs.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=8000, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
        )
        theirs.train_from_iterator(texts, trainer)
        return theirs

    slow = compared(lambda: Tokenizer.train(texts, model="unigram", vocab_size=8000), {peer: unigrams}, 1)
    return [
        _row(f"training Unigram, {size:.1f} MB to 8,000", slow, size),
        _row(f"training byte pairs, {size:.1f} MB to 16,000", found, size),
        _row(f"training WordPiece, {size:.1f} MB to 16,000", others, size),
    ]


def sentence(times: int = 500) -> list[Row]:
    import tokenizers

    ours = Tokenizer.load("bert-base-uncased")
    reference = tokenizers.Tokenizer.from_file(str(resolve("all-MiniLM-L6-v2").files["tokenizer.json"]))
    reference.no_truncation()
    reference.no_padding()

    def repeat(encode: Callable[[str], object]) -> Work:
        return lambda: [encode(SENTENCE) for _ in range(times)]

    peers = {named("tokenizers"): repeat(reference.encode)}
    whole = compared(repeat(ours.encode), peers, 9)
    ids = compared(repeat(lambda text: ours.encode_batch([text], threads=1)), peers, 9)
    work = f"one sentence of {len(SENTENCE)} characters, warm, {times} times"
    return [{"work": f"{work}, with offsets", **whole}, {"work": f"{work}, ids only", **ids}]


def process(runs: int = 7) -> list[Row]:
    command = [sys.executable, "-m", "cutaway", "tokens", "encode", SENTENCE]
    raw = [seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(runs)]
    return [
        {
            "work": "cutaway tokens encode, whole process",
            "seconds": statistics.median(raw),
            "raw_seconds": raw,
        }
    ]


def memory() -> list[Row]:
    """How far a process grows for a whole batch, ids included, after everything is loaded."""
    found = subprocess.run(
        [sys.executable, __file__, GROWTH], check=True, capture_output=True, text=True
    ).stdout.split()
    return [
        {
            "work": f"extra memory for {float(found[0]):.1f} MB of reviews",
            "megabytes": float(found[1]),
            "of_which_ids": float(found[2]),
        }
    ]


def high_water() -> int:
    """Bytes that this process had in memory at most."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return 1024 * int(line.split()[1])


def print_growth() -> None:
    """Print megabytes of text, of growth and of ids: what `memory` reads from a fresh process."""
    texts, ours = reviews(), Tokenizer.load("bert-base-uncased")
    ours.encode_batch(texts[:200])
    Path("/proc/self/clear_refs").write_text("5")  # a process begins with the peak of the one that made it
    peak = high_water()
    batch = ours.encode_batch(texts)
    grown = (high_water() - peak) / 1e6
    print(megabytes(texts), grown, batch.ids.nbytes / 1e6)


def _row(work: str, found: Row, size: float) -> Row:
    return {"work": work, "megabytes_per_second": size / float(str(found["seconds"])), **found}


def _two_threads(name: str, tokenizer: Tokenizer) -> Row:
    texts = reviews()
    pinned = os.sched_getaffinity(0)
    os.sched_setaffinity(0, CORES)
    tokenizer.encode_batch(texts, threads=2)  # both threads' memories are warm, as one thread's is
    try:
        found = compared(
            lambda: tokenizer.encode_batch(texts, threads=2),
            {"one thread": lambda: tokenizer.encode_batch(texts, threads=1)},
        )
    finally:
        os.sched_setaffinity(0, pinned)
    return _row(f"{name}, two threads", found, megabytes(texts))


def _long_strings(tokenizer: Tokenizer) -> list[Row]:
    choose = random.Random(0)
    strings = {
        "one letter": "a" * 1_000_000,
        "random letters": "".join(choose.choices("abcdefghijklmnopqrstuvwxyz", k=1_000_000)),
        "random Latin-1": "".join(map(chr, choose.choices(range(0xA1, 0x100), k=1_000_000))),
        "random CJK": "".join(map(chr, choose.choices(range(0x4E00, 0x9F00), k=1_000_000))),
    }
    rows: list[Row] = []
    for name, text in strings.items():
        raw = [seconds(lambda text=text: tokenizer.encode_batch([text])) for _ in range(3)]  # type: ignore[misc]
        work = f"one string of 1,000,000, {name}, cl100k"
        rows.append({"work": work, "seconds": statistics.median(raw), "raw_seconds": raw})
    return rows


ROWS = {row.__name__: row for row in (wordpiece, bpe, unigram, words, training, sentence, process, memory)}
CORES = os.sched_getaffinity(0)


def main(wanted: Sequence[str]) -> None:
    from record import use_data_beside, write_record

    use_data_beside()
    if wanted == [GROWTH]:
        print_growth()
        return
    unknown = [name for name in wanted if name not in ROWS]
    if unknown:
        sys.exit(f"there is no row {unknown[0]!r}: there are {', '.join(ROWS)}")
    os.sched_setaffinity(0, {min(CORES)})
    results = [row for name in wanted or ROWS for row in ROWS[name]()]
    write_record("tokenization", results)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CutawayError as error:
        sys.exit(f"not measured: {error}")
