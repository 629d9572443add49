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
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cutaway.catalog.resolve import resolve
from cutaway.core.errors import CutawayError
from cutaway.tokenization.formats.tiktoken import read_tiktoken
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.tokenization.treebank.fast import treebank_batch
from cutaway.tokenization.treebank.words import treebank_words
from tokenization_measuring import (
    RUNS,
    Encode,
    Row,
    Work,
    compared,
    compared_on_new_text,
    flat,
    installed,
    megabytes,
    named,
    reviews,
    seconds,
    speed_row,
)
from tokenization_training import training

SENTENCE = "I love learning about LLMs, and about the way in which transformers handle them."
GROWTH = "--growth"  # not for you: `memory` asks for it


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
        speed_row(f"WordPiece to arrays, {size:.1f} MB of reviews", found, size),
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
        speed_row(f"Treebank words with places to arrays, {size:.1f} MB", found, size),
        speed_row(f"Treebank words with places, open path, {small:.2f} MB", opened, small),
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


def _two_threads(name: str, tokenizer: Tokenizer) -> Row:
    texts = reviews()
    pinned = os.sched_getaffinity(0)
    os.sched_setaffinity(0, CORES)
    for _ in range(5):  # a block may go to either thread: both memories come to know all words, as one's does
        tokenizer.encode_batch(texts, threads=2)
    try:
        found = compared(
            lambda: tokenizer.encode_batch(texts, threads=2),
            {"one thread": lambda: tokenizer.encode_batch(texts, threads=1)},
            runs=3 * RUNS,  # which thread waits for which is chance: more turns than one core needs
        )
    finally:
        os.sched_setaffinity(0, pinned)
    return speed_row(f"{name}, two threads", found, megabytes(texts))


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
