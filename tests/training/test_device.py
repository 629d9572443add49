"""Where a training computes: what a name means with and without GPUs, and who may ask for what."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cutaway.core.errors import ResourceError, UsageError
from cutaway.finetuning.finetune import finetune
from cutaway.finetuning.finetune_settings import FinetuneSettings
from cutaway.finetuning.placing import placed
from cutaway.finetuning.pretraining_settings import PretrainSettings
from cutaway.training.device import training_device
from cutaway.training.precision import training_precision


def with_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_auto_is_the_processor_where_no_gpu_is(monkeypatch):
    with_gpus(monkeypatch, 0)
    assert training_device("auto") == training_device("cpu") == torch.device("cpu")


def test_processes_on_one_machine_take_a_gpu_each(monkeypatch):
    with_gpus(monkeypatch, 2)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert training_device("auto") == training_device("cuda") == torch.device("cuda:0")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert training_device("auto") == torch.device("cuda:1")
    assert training_device("cuda:0") == torch.device("cuda:0")
    assert training_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(("asked", "count"), [("cuda", 0), ("cuda:1", 1), ("cuda:7", 2)])
def test_a_gpu_that_is_not_there(monkeypatch, asked, count):
    with_gpus(monkeypatch, count)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(ResourceError, match=f"{asked}.*torch finds {count} GPUs"):
        training_device(asked)


@pytest.mark.parametrize("asked", ["gpu", "cuda:", "cuda:x", "cpu:0", "auto:1", "", "CUDA"])
def test_what_is_no_device(asked):
    with pytest.raises(UsageError, match="choose auto, cpu, cuda or cuda:N"):
        training_device(asked)
    for settings in (FinetuneSettings, PretrainSettings):
        with pytest.raises(UsageError, match="choose auto, cpu, cuda or cuda:N"):
            settings(device=asked)


@pytest.mark.parametrize(
    ("capability", "wanted"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")]
)
def test_a_gpu_multiplies_bfloat16_from_ampere_on(monkeypatch, capability, wanted):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert training_precision("auto", torch.device("cuda:0")) == wanted
    assert training_precision("float32", torch.device("cuda:0")) == "float32"


def test_nothing_is_compiled_for_a_processor():
    with pytest.raises(UsageError, match="compiled for a GPU only"):
        placed(nn.Linear(1, 1), FinetuneSettings(device="cpu", kernels="compiled"))
    with pytest.raises(UsageError, match=r"kernels is 'fast': choose one of \['eager', 'compiled'\]"):
        FinetuneSettings(kernels="fast")  # type: ignore[arg-type]


def test_a_model_stays_on_the_processor_where_that_is_asked_for():
    assert placed(nn.Linear(1, 1), FinetuneSettings(device="cpu")) == torch.device("cpu")


def test_what_is_not_here_is_told_before_a_run_begins(tmp_path):
    asked = FinetuneSettings(device="cpu", kernels="compiled")
    with pytest.raises(UsageError, match="compiled for a GPU only"):
        finetune(tmp_path / "not read.csv", settings=asked, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
