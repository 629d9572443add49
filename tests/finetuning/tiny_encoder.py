"""A BERT of two narrow blocks with nothing learned, and its tokenizer: trained in milliseconds."""

from __future__ import annotations

from pathlib import Path

from cutaway.finetuning.fresh_models import fresh_bert
from cutaway.finetuning.pretraining_settings import SizeSettings
from cutaway.tokenization.tokenizer import Tokenizer

GOOD = ["great film", "loved it", "wonderful acting", "a joy to watch", "brilliant", "superb", "so moving"]
BAD = ["terrible film", "hated it", "awful acting", "a pain to watch", "dull", "dreadful", "so boring"]


def write_tiny_encoder(folder: Path, *, dropout: float = 0.1) -> str:
    """Write the checkpoint folder and return its name."""
    size = SizeSettings.parse("2x16x2x32", dropout=dropout, vocabulary=200)
    tokenizer = Tokenizer.train([*GOOD, *BAD] * 5, model="wordpiece", vocab_size=size.vocabulary)
    fresh_bert(size, tokenizer, positions=64, seed=0).save(folder)
    tokenizer.save(folder / "tokenizer.json")
    return str(folder)


def write_table(path: Path, *, times: int = 4) -> str:
    """Write labelled reviews, no two alike, and return the file's name."""
    rows = [
        f"{text} {'very ' * at},{label}"
        for at in range(times)
        for label, texts in (("good", GOOD), ("bad", BAD))
        for text in texts
    ]
    path.write_text("review,sentiment\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return str(path)
