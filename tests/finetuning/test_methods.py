"""What learns and by which loss: full, head and adapters on a tiny encoder; weights and smoothing by formula."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, matthews_corrcoef
from sklearn.utils.class_weight import compute_class_weight
from tests.finetuning.tiny_encoder import write_table, write_tiny_encoder
from torch.nn import functional

from cutaway.cli.main import main
from cutaway.core.errors import ChecksumError, FormatError, UsageError
from cutaway.finetuning.class_loss import class_loss, class_weights
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.finetune import FinetuneSettings, finetune
from cutaway.finetuning.lora import LoraSettings
from cutaway.finetuning.metrics import MEASURES, measure
from cutaway.finetuning.runs.predictions import read_answers
from cutaway.training.loop import Epoch, LoopSettings, Step
from cutaway.training.optimizer import OptimizerSettings
from cutaway.training.run_folder import SavingSettings
from cutaway.transformers.bert import Bert


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("methods")
    write_tiny_encoder(folder / "encoder")
    write_table(folder / "reviews.csv")
    return folder


def settings(**choices: object) -> FinetuneSettings:
    loop = LoopSettings(epochs=4, patience=4, optimizer=OptimizerSettings(rate=0.01))
    chosen = {"held_out": 0.25, "batch_tokens": 64, "precision": "float32", "loop": loop, **choices}
    return FinetuneSettings(**chosen)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def full(place: Path) -> Path:
    finetune(
        place / "reviews.csv",
        model=str(place / "encoder"),
        settings=settings(method="full"),
        out=place / "full",
    )
    return place / "full"


def test_full_trains_every_layer_and_loads_with_the_same_answers(full: Path, place: Path) -> None:
    before, after = Bert.load(place / "encoder"), Bert.load(full / "encoder")
    for name, weight in before.named_parameters():
        changed = not torch.equal(weight, after.get_parameter(name))
        assert changed == (not name.startswith("pooler")), name
    history = json.loads((full / "history.json").read_text(encoding="utf-8"))
    assert history["epochs"][-1]["training_loss"] < 0.8 * history["epochs"][0]["training_loss"]
    classifier = Classifier.load(full)
    kept = read_answers(full)
    answers = classifier.predict(list(kept.texts))
    np.testing.assert_allclose(answers.probabilities, kept.probabilities, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in classifier.encoder.parameters())


def test_the_encoder_is_a_folder_of_the_field(full: Path) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModel.from_pretrained(full / "encoder").eval()
    ids = torch.tensor([[5, 9, 17, 3]])
    ours = Bert.load(full / "encoder").encode(ids, torch.ones_like(ids))
    torch.testing.assert_close(ours, theirs(input_ids=ids).last_hidden_state, atol=1e-5, rtol=1e-4)


def test_damage_of_the_encoder_is_named(full: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    for path in full.rglob("*"):
        if path.is_file():
            (copy / path.relative_to(full)).parent.mkdir(parents=True, exist_ok=True)
            (copy / path.relative_to(full)).write_bytes(path.read_bytes())
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps({**config, "encoder_sha256": None}), encoding="utf-8")
    with pytest.raises(FormatError, match="no sha256"):
        Classifier.load(copy)
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = copy / "encoder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(ChecksumError, match="damaged or replaced"):
        Classifier.load(copy)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match="is not there"):
        Classifier.load(copy)


def test_head_and_adapters_leave_the_encoder(place: Path, tmp_path: Path) -> None:
    before = Bert.load(place / "encoder")
    head = finetune(
        place / "reviews.csv",
        model=str(place / "encoder"),
        settings=settings(method="head"),
        out=tmp_path / "h",
    )
    after = Classifier.load(head.folder).encoder
    assert all(torch.equal(weight, after.get_parameter(name)) for name, weight in before.named_parameters())
    lora = settings(lora=LoraSettings(rank=2))
    run = finetune(place / "reviews.csv", model=str(place / "encoder"), settings=lora, out=tmp_path / "l")
    after = Classifier.load(run.folder).encoder
    moved = {name for name, w in before.named_parameters() if not torch.equal(w, after.get_parameter(name))}
    assert moved
    assert all(name.startswith("blocks.") and name.endswith(".weight") for name in moved)


def test_gradual_unfreezing_over_adapters_keeps_a_whole_file(place: Path, tmp_path: Path) -> None:
    loop = LoopSettings(
        epochs=2,
        unfreezing="gradual",
        optimizer=OptimizerSettings(rate=0.01, layer_decay=0.9, schedule="cosine"),
    )
    run = finetune(
        place / "reviews.csv",
        model=str(place / "encoder"),
        settings=settings(loop=loop, class_weights="balanced", smoothing=0.1),
        out=tmp_path / "run",
    )
    assert set(run.measures) == set(MEASURES)
    Classifier.load(run.folder)


@pytest.mark.parametrize("back", [1, 4])
def test_with_every_option_it_goes_on_bit_for_bit(place: Path, tmp_path: Path, back: int) -> None:
    torch.set_num_threads(1)
    optimizer = OptimizerSettings(rate=0.01, layer_decay=0.8, schedule="cosine")
    loop = LoopSettings(epochs=3, patience=3, unfreezing="gradual", accumulate=2, optimizer=optimizer)
    chosen = settings(method="full", loop=loop, smoothing=0.1, class_weights="balanced")
    work = {"model": str(place / "encoder"), "settings": chosen}

    def ending(event: Step | Epoch, steps: int | None) -> None:
        if isinstance(event, Step) and steps is not None and event.step == steps - back:
            raise InterruptedError

    finetune(place / "reviews.csv", **work, out=tmp_path / "whole")
    for saving in (SavingSettings(every=1), SavingSettings(unfinished="resume")):
        try:
            finetune(
                place / "reviews.csv",
                **work,
                out=tmp_path / "cut",
                listen=ending if saving.every else None,
                saving=saving,
            )
        except InterruptedError:
            assert saving.every
    for name in ("model.safetensors", "encoder/model.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


def test_balanced_weights_are_sklearns() -> None:
    truth = np.array([0, 0, 0, 0, 0, 1, 1, 2])
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=truth)
    weights = class_weights(truth, 3, "balanced")
    assert weights is not None
    np.testing.assert_allclose(weights.numpy(), wanted, rtol=1e-6)
    assert weights[torch.from_numpy(truth)].mean().item() == pytest.approx(1)
    assert class_weights(truth, 3, "none") is None


def test_smoothing_and_weights_are_the_formula() -> None:
    torch.manual_seed(0)
    logits, truth, weights = torch.randn(7, 3), torch.randint(0, 3, (7,)), torch.tensor([0.5, 1.0, 2.0])
    torch.testing.assert_close(
        class_loss(logits, truth, smoothing=0.2),
        functional.cross_entropy(logits, truth, label_smoothing=0.2),
    )
    spread = functional.one_hot(truth, 3) * 0.8 + 0.2 / 3
    by_hand = -(weights * spread * logits.log_softmax(1)).sum() / 7
    torch.testing.assert_close(class_loss(logits, truth, weights=weights, smoothing=0.2), by_hand)


def test_measures_are_sklearns() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 60)
    probabilities = random.dirichlet(np.ones(3), 60).astype(np.float32)
    told, measured = probabilities.argmax(1), measure(probabilities, truth)
    assert tuple(measured) == MEASURES
    assert measured["f1"] == pytest.approx(f1_score(truth, told, average="macro"))
    assert measured["mcc"] == pytest.approx(matthews_corrcoef(truth, told))
    one_sided = np.tile(np.array([[1.0, 0.0]], np.float32), (4, 1))
    assert measure(one_sided, np.array([0, 1, 0, 1]))["mcc"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "some"},
        {"precision": "int4"},
        {"smoothing": 1.0},
        {"class_weights": "even"},
        {"loop": LoopSettings(best_by="f2")},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=str(next(iter(wrong))) if "loop" not in wrong else "best_by"):
        FinetuneSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--method", "some"], "--method is 'some'"),
        (["--schedule", "square"], "schedule is 'square'"),
        (["--lr_scheduler_type", "square"], "schedule is 'square'"),
        (["--label-smoothing-factor", "1"], "smoothing is a share"),
        (["--metric-for-best-model", "f2"], "best_by is 'f2'"),
        (["--gradient-accumulation-steps", "0"], "accumulate is 0"),
        (["--unfreeze", "slow"], "unfreezing is 'slow'"),
        (["--layer-decay", "2"], "layer_decay"),
        (["--max-grad-norm", "0"], "clip 0.0"),
    ],
)
def test_wrong_options_are_one_line(
    place: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["finetune", str(place / "reviews.csv"), *options]) == 2
    assert said in capsys.readouterr().err
