"""The encoder-decoder: equal to its equations, to its open path, and to itself one pair at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tests.oracles import seq2seq as oracle

from cutaway.core.errors import (
    ChecksumError,
    CutawayError,
    DataError,
    FormatError,
    MissingFileError,
    ShapeError,
    UsageError,
)
from cutaway.core.files import sha256_of
from cutaway.recurrent.seq2seq import Seq2Seq
from cutaway.recurrent.seq2seq_files import CONFIG, WEIGHTS, load_seq2seq, save_seq2seq
from cutaway.recurrent.seq2seq_settings import Seq2SeqSettings
from cutaway.training.beam import BeamSettings

START, END, PAD = 0, 1, 2
KINDS = [("attention", "additive"), ("attention", "dot"), ("attention", "general"), ("context", "additive")]
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind))
rows = st.lists(st.integers(0, 12), min_size=1, max_size=7)
pairs = st.lists(st.tuples(rows, rows), min_size=1, max_size=5)


def small(kind: tuple[str, str] = KINDS[0], seed: int = 0, **fields: Any) -> Seq2Seq:
    torch.manual_seed(seed)
    sizes = {"vocabulary": 13, "embedding": 5, "encoder": 3, "hidden": 6 if kind[1] == "dot" else 4}
    chosen = {**sizes, "decoder": kind[0], "attention": kind[1], "start": START, "end": END, "pad": PAD}
    model = Seq2Seq(Seq2SeqSettings(**{**chosen, **fields})).eval().double()  # type: ignore[arg-type]
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.5)
    return model


@kinds
def test_the_decoder_is_its_equations(kind: tuple[str, str]) -> None:
    model = small(kind)
    weights = {name: value.numpy() for name, value in model.decoder.state_dict().items()}
    source, target = [5, 9, 3, END], [START, 7, 4]
    with torch.no_grad():
        encoded = model.encode([source])
        readouts = model([source], [target]).numpy()
        scores = model.logits(torch.from_numpy(readouts)).numpy()
    states, last = encoded.states[0].numpy(), encoded.last[0].numpy()
    table = model.table.weight.detach().numpy()
    state = oracle.first_state(weights, last)
    for at, token in enumerate(target):
        if kind[0] == "context":
            context = np.tanh(weights["summary.weight"] @ last + weights["summary.bias"])
        else:
            context = oracle.softmax(oracle.energies(weights, kind[1], state, states)) @ states
        state, readout = oracle.step(weights, table[token], state, context)
        np.testing.assert_allclose(readouts[at], readout, atol=1e-12)
        np.testing.assert_allclose(scores[at], table @ readout + model.bias.detach().numpy(), atol=1e-12)


def test_the_encoder_is_torchs_gru() -> None:
    model = small(layers=2)
    theirs = torch.nn.GRU(5, 3, num_layers=2, bidirectional=True, batch_first=True).double()
    theirs.load_state_dict(model.encoder.state_dict())
    with torch.no_grad():
        encoded = model.encode([[5, 9, 3, END], [4, END]])
        for at, row in enumerate(([5, 9, 3, END], [4, END])):
            states, final = theirs(model.table(torch.tensor([row])))
            torch.testing.assert_close(encoded.states[at, : len(row)], states[0])
            torch.testing.assert_close(encoded.last[at], torch.cat([final[-2, 0], final[-1, 0]]))
    assert encoded.padding.tolist() == [[False] * 4, [False, False, True, True]]


@kinds
@settings(max_examples=15)
@given(pairs=pairs, seed=st.integers(0, 1000))
def test_a_batch_is_its_pairs_and_each_is_its_open_path(
    kind: tuple[str, str], pairs: list[tuple[list[int], list[int]]], seed: int
) -> None:
    model = small(kind, seed)
    sources, targets = ([pair[side] for pair in pairs] for side in (0, 1))
    with torch.no_grad():
        packed = model(sources, targets).split([len(target) for target in targets])
        for source, target, together in zip(sources, targets, packed, strict=True):
            torch.testing.assert_close(together, model([source], [target]), atol=1e-10, rtol=0)
            trace = model.trace(source, target)
            np.testing.assert_allclose(trace["readout"], together.numpy(), atol=1e-10)
            chances = model.logits(together).softmax(1).numpy()
            np.testing.assert_allclose(trace["probabilities"], chances, atol=1e-10)
            if kind[0] == "attention":
                assert trace["alignment"].shape == (len(target), len(source))
                np.testing.assert_allclose(trace["alignment"].sum(1), 1)
                mixed = trace["alignment"] @ trace["outputs"]
                np.testing.assert_allclose(trace["context"], mixed, atol=1e-10)


@kinds
def test_one_step_at_a_time_is_teacher_forcing(kind: tuple[str, str]) -> None:
    model, source, target = small(kind), [5, 9, 3, END], [START, 7, 4]
    with torch.no_grad():
        at_once = model([source], [target])
        read = model.decoder.begin(model.encode([source]))
        state = read.first
        for at, token in enumerate(target):
            written = model.decoder.step(model.table(torch.tensor([token])), state, read)
            state = written.state
            torch.testing.assert_close(written.readout[0], at_once[at])
            if written.alignment is not None:
                trace = model.trace(source, target)
                np.testing.assert_allclose(written.alignment[0], trace["alignment"][at])


@kinds
def test_gradients_are_finite_differences(kind: tuple[str, str]) -> None:
    model, step = small(kind, seed=3), 1e-6
    sources, targets = [[5, 9, END], [4, END]], [[7, END], [8, 3, 6, END]]

    def loss() -> torch.Tensor:
        return model.loss(sources, targets, smoothing=0.1)

    names = dict(model.named_parameters())
    gradients = torch.autograd.grad(loss(), list(names.values()))
    random = np.random.default_rng(0)
    for (name, weight), gradient in zip(names.items(), gradients, strict=True):
        for at in random.choice(weight.numel(), size=min(3, weight.numel()), replace=False):
            with torch.no_grad():
                flat = weight.view(-1)
                kept = float(flat[at])
                flat[at] = kept + step
                above = float(loss())
                flat[at] = kept - step
                below = float(loss())
                flat[at] = kept
            measured = (above - below) / (2 * step)
            assert abs(measured - float(gradient.reshape(-1)[at])) < 1e-7, name


def test_the_loss_is_cross_entropy_of_each_next_token() -> None:
    model = small()
    sources, targets = [[5, END], [6, 7, END]], [[8, 9, END], [END]]
    readouts = model(sources, [[START, 8, 9], [START]])
    expected = torch.nn.functional.cross_entropy(
        model.logits(readouts), torch.tensor([8, 9, END, END]), label_smoothing=0.2
    )
    torch.testing.assert_close(model.loss(sources, targets, smoothing=0.2), expected)


@kinds
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_of_one_takes_the_best_next_token(kind: tuple[str, str], seed: int) -> None:
    model, source, target = small(kind, seed), [5, 9, 2, END], [START]
    while len(target) < 8:
        chances = model.trace(source, target)["probabilities"][-1].copy()
        chances[[START, PAD]] = 0  # these are never written
        if chances.argmax() == END:
            break
        target.append(int(chances.argmax()))
    found = model.translate([source], settings=BeamSettings(beams=1, factor=0, extra=7))[0]
    assert list(found.ids) == target[1:]


@kinds
def test_a_score_is_that_of_the_text_read_at_once(kind: tuple[str, str]) -> None:
    for seed in range(4):
        model = small(kind, seed)
        found = model.translate([[4, 9, END]], settings=BeamSettings(beams=3, factor=0, extra=9))[0]
        with torch.no_grad():
            steps = model.logits(model([[4, 9, END]], [[START, *found.ids]])).log_softmax(1)
        total = sum(float(steps[at, token]) for at, token in enumerate(found.ids))
        assert min(abs(found.log_probability - t) for t in (total, total + float(steps[-1, END]))) < 1e-4


def test_it_learns_to_turn_words_around() -> None:
    torch.manual_seed(0)
    sizes = {"vocabulary": 9, "embedding": 16, "encoder": 16, "hidden": 32, "dropout": 0.1}
    model = Seq2Seq(Seq2SeqSettings(**sizes, start=START, end=END, pad=PAD))  # type: ignore[arg-type]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    random = np.random.default_rng(0)
    for _ in range(120):
        words = [random.integers(3, 9, size=random.integers(2, 5)) for _ in range(32)]
        sources, targets = [[*row, END] for row in words], [[*row[::-1], END] for row in words]
        optimizer.zero_grad()
        model.loss(sources, targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert model.eval().translate([[3, 8, 5, END]])[0].ids == (5, 8, 3)
    looked_at = model.trace([3, 8, 5, END], [START, 5, 8])["alignment"].argmax(1)
    assert looked_at[0] > looked_at[2]


def test_labels_of_a_trace() -> None:
    trace = small().trace([5, END], [START, 4, 3], tokens=(["a", "</s>"], ["<s>", "x", "y"]))
    assert trace.labels["position"] == ("a", "</s>")
    assert trace.labels["target"] == ("<s>", "x", "y")
    assert trace.step("alignment").source.file == "cutaway/recurrent/seq2seq_trace.py"
    with pytest.raises(ShapeError, match="1 labels for 2 tokens"):
        small().trace([5, END], [START], tokens=(["a"], ["b"]))


@pytest.mark.parametrize(
    ("sources", "targets", "said"),
    [
        ([[]], [[1]], r"source 0 has shape \(0,\)"),
        ([[1], []], [[1], [1]], r"source 1 has shape \(0,\)"),
        ([[1]], [[]], "target has length 0"),
        ([], [], "at least one source"),
        ([[13]], [[1]], "source id 13 is outside the vocabulary of 13"),
        ([[-1]], [[1]], "source id -1 is outside"),
        ([[1]], [[13]], "target id 13 is outside"),
        ([[1.5]], [[1]], "of type float64"),
        ([[1], [2]], [[1]], "2 sources and 1 targets"),
    ],
)
def test_what_cannot_be_read_is_refused(sources: Any, targets: Any, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        small().loss(sources, targets)


def test_weights_that_are_no_numbers_are_seen() -> None:
    model = small()
    with torch.no_grad():
        model.table.weight[5] = float("nan")
    with pytest.raises(DataError, match="inputs hold nan"):
        model.translate([[5, END]])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"hidden": 0}, "each starts at 1"),
        ({"end": 13}, "one of 13 ids"),
        ({"decoder": "guess"}, "decoder is 'guess'"),
        ({"attention": "guess"}, "attention is 'guess'"),
        ({"attention": "dot"}, "one width: hidden is 4"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_settings_are_checked(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        small(**fields)


@kinds
def test_a_saved_model_is_the_same(kind: tuple[str, str], tmp_path: Path) -> None:
    model = small(kind).float()
    save_seq2seq(model, tmp_path)
    loaded = load_seq2seq(tmp_path)
    assert loaded.settings == model.settings
    with torch.no_grad():
        assert torch.equal(loaded([[5, END]], [[START, 4]]), model([[5, END]], [[START, 4]]))


def rewritten(folder: Path, **fields: Any) -> None:
    """Change settings, as if the config were another model's."""
    config = json.loads((folder / CONFIG).read_text())
    config["settings"].update(fields)
    config["weights_sha256"] = sha256_of(folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(config))


def damage(folder: Path, what: str) -> None:
    tensors = load_file(folder / WEIGHTS)
    if what == "vocabulary":
        rewritten(folder, vocabulary=14)
    elif what == "setting":
        rewritten(folder, colour="red")
    elif what == "nan":
        tensors["bias"][3] = float("nan")
        save_file(tensors, folder / WEIGHTS)
        rewritten(folder)
    elif what == "missing tensor":
        save_file({name: value for name, value in tensors.items() if name != "bias"}, folder / WEIGHTS)
        rewritten(folder)
    elif what == "flipped":
        data = bytearray((folder / WEIGHTS).read_bytes())
        data[-1] ^= 1
        (folder / WEIGHTS).write_bytes(data)
    elif what == "cut":
        (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-9])
        rewritten(folder)
    elif what == "format":
        (folder / CONFIG).write_text('{"format": "other/1"}')
    elif what == "json":
        (folder / CONFIG).write_text("{")
    else:
        (folder / WEIGHTS).unlink()


@pytest.mark.parametrize(
    ("what", "error", "said"),
    [
        ("vocabulary", FormatError, "does not fit its config"),
        ("setting", FormatError, "colour"),
        ("nan", FormatError, "bias holds"),
        ("missing tensor", FormatError, "bias"),
        ("flipped", ChecksumError, "damaged or replaced"),
        ("cut", FormatError, "not a readable safetensors file"),
        ("format", FormatError, "cutaway-seq2seq/1"),
        ("json", FormatError, "not valid JSON"),
        ("gone", MissingFileError, "lacks model.safetensors"),
    ],
)
def test_a_damaged_folder_is_refused(what: str, error: type[CutawayError], said: str, tmp_path: Path) -> None:
    save_seq2seq(small().float(), tmp_path)
    damage(tmp_path, what)
    with pytest.raises(error, match=said):
        load_seq2seq(tmp_path)
