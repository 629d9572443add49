"""A trained-looking classifier over an encoder of two narrow blocks: everything real, nothing learned."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from cutaway.finetuning.classifier import Classifier, ClassifierSettings
from cutaway.finetuning.fresh_models import fresh_bert
from cutaway.finetuning.inputs import InputSettings
from cutaway.finetuning.lora import LoraSettings
from cutaway.finetuning.pretraining_settings import SizeSettings
from cutaway.finetuning.saved import save_classifier
from cutaway.tokenization.tokenizer import Tokenizer

WORDS = [
    "the",
    "a",
    "film",
    "was",
    "is",
    "it",
    "great",
    "dull",
    "moving",
    "boring",
    "wonderful",
    "plot",
    "and",
    "but",
    "not",
    "very",
    "so",
    "acting",
    "joy",
    "pain",
]


def reviews(count: int, *, longest: int = 30) -> list[str]:
    """Texts of many lengths, no two alike."""
    generator = torch.Generator().manual_seed(1)
    texts = []
    for number in range(count):
        length = int(torch.randint(2, longest, (1,), generator=generator))
        picks = torch.randint(0, len(WORDS), (length,), generator=generator).tolist()
        texts.append(" ".join(WORDS[pick] for pick in picks) + f" {number}")
    return texts


def write_tiny_classifier(folder: Path, *, classes: tuple[str, ...] = ("bad", "good", "mixed")) -> Path:
    """Write an encoder's checkpoint and a run over it; return the run's folder."""
    size = SizeSettings.parse("2x16x2x32", dropout=0.0, vocabulary=200)
    tokenizer = Tokenizer.train(reviews(200), model="wordpiece", vocab_size=size.vocabulary)
    fresh_bert(size, tokenizer, positions=64, seed=0).save(folder / "base")
    tokenizer.save(folder / "base" / "tokenizer.json")
    torch.manual_seed(0)
    classifier = Classifier.create(
        ClassifierSettings(
            base=str(folder / "base"),
            labels=classes,
            inputs=InputSettings(max_tokens=48),
            lora=LoraSettings(rank=2, alpha=4.0),
        )
    )
    for name, parameter in classifier.named_parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter, std=0.3 if "encoder" in name else 1.0)
    save_classifier(classifier, folder / "run")
    return folder / "run"
