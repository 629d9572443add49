"""The five checkpoints of the catalog's hub entries: fetched by name, loaded, and equal to the reference."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from tests.catalog.hub_server import Hub, serving
from tests.transformers.conftest import _reference
from tests.transformers.hub_checkpoints import BYTES, NAMES, Made, make

import cutaway
from cutaway.catalog import entry as entry_module
from cutaway.catalog.entry import FileRecord, Source
from cutaway.cli.main import main
from cutaway.transformers.bert import DistilBert, Roberta
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.tasks import MaskedWords, NextSentence, SequenceLabels

SENTIMENT = NAMES[3]
IDS = np.array([2, 6, 8, 9, 10, 3])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    path = tmp_path_factory.mktemp("bytes") / "tokenizer.json"
    texts = ["a good film kept me awake", "a bad film kept me"] * 3
    cutaway.Tokenizer.train(texts, model="bpe", vocab_size=BYTES - 10).save(str(path))
    return {name: make(name, _reference(), path.read_bytes()) for name in NAMES}


@pytest.fixture
def hub(made: dict[str, Made], offline: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with the five, under the names, repositories and revisions of the catalog."""
    monkeypatch.delenv("CUTAWAY_OFFLINE")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    known = {name: entry_module.entries()[name] for name in NAMES}
    served: dict[tuple[str, str], dict[str, bytes]] = {}
    for name, one in known.items():
        for source in one.sources:
            assert source.hub
            names = {file.name for file in source.files}
            assert names <= made[name].files.keys()
            assert source.part == "tokenizer" or names == made[name].files.keys()
            served[source.hub.repo, source.hub.revision] = made[name].files
    entries = {
        name: replace(one, sources=tuple(_rewritten(source, made[name]) for source in one.sources))
        for name, one in known.items()
    }
    monkeypatch.setattr(entry_module, "entries", lambda: entries)
    with serving(Hub(repos=served)) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running


def _rewritten(source: Source, made: Made) -> Source:
    """The catalog's own source, its hashes those of the random files."""
    records = [
        FileRecord(name=file.name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for file, content in ((file, made.files[file.name]) for file in source.files)
    ]
    return replace(source, files=tuple(records), package=None)


def reference(model: Any, **wanted: Any) -> Any:
    with torch.no_grad():
        return model(torch.from_numpy(IDS)[None], **wanted)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("bert-base-uncased", cutaway.Bert), ("roberta-base", Roberta), ("distilbert-base-uncased", DistilBert)],
)
def test_an_encoder_by_name_gives_the_references_hidden_states(
    hub: Hub, made: dict[str, Made], name: str, kind: Any
) -> None:
    bert = kind.load(name)
    expected = reference(made[name].model, output_hidden_states=True).hidden_states[-1][0]
    assert torch.allclose(bert(PackedBatch.from_rows([IDS])), expected, atol=1e-5)
    assert bert.sha256 == hashlib.sha256(made[name].files["model.safetensors"]).hexdigest()


@pytest.mark.parametrize("name", ["bert-base-uncased", "roberta-base", "distilbert-base-uncased"])
def test_the_words_behind_masks_are_the_references(hub: Hub, made: dict[str, Made], name: str) -> None:
    told = reference(made[name].model)
    expected = told.prediction_logits if name == "bert-base-uncased" else told.logits
    assert torch.allclose(MaskedWords.load(name)(PackedBatch.from_rows([IDS])), expected[0], atol=1e-4)


def test_next_sentences_are_the_references(hub: Hub, made: dict[str, Made]) -> None:
    expected = reference(made["bert-base-uncased"].model).seq_relationship_logits
    ours = NextSentence.load("bert-base-uncased")(PackedBatch.from_rows([IDS]))
    assert torch.allclose(ours, expected, atol=1e-5)


def test_labels_are_the_references(hub: Hub, made: dict[str, Made]) -> None:
    task = SequenceLabels.load(SENTIMENT)
    assert task.labels == ("NEGATIVE", "POSITIVE")
    expected = reference(made[SENTIMENT].model).logits
    assert torch.allclose(task(PackedBatch.from_rows([IDS])), expected, atol=1e-5)


def test_next_words_are_the_references(hub: Hub, made: dict[str, Made]) -> None:
    gpt = Gpt.load("gpt2")
    hidden = gpt(PackedBatch.from_rows([IDS]))
    assert torch.allclose(hidden @ gpt.token.weight.T, reference(made["gpt2"].model).logits[0], atol=1e-4)


def test_a_tokenizer_by_name_does_not_fetch_the_weights(hub: Hub) -> None:
    assert cutaway.Tokenizer.load("bert-base-uncased").encode("good films").tokens[1:-1] == [
        "good",
        "film",
        "##s",
    ]
    assert cutaway.Tokenizer.load("gpt2").encode("a good film").ids
    assert not [path for path in hub.paths() if "safetensors" in path]


def test_fetch_and_verify_at_the_command_line(
    hub: Hub, made: dict[str, Made], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES:
        assert main(["catalog", "fetch", name]) == 0
        assert main(["catalog", "verify", name]) == 0
        told = capsys.readouterr().out
        assert told.count(f"ok  {name}  ") == len(made[name].files)
    assert main(["catalog", "list", "--json"]) == 0
    assert capsys.readouterr().out.count('"here": "cache"') == len(NAMES)
