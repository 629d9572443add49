"""What every family shares: a configuration, a checkpoint folder to load, and one to write."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors.torch import save_file
from torch import nn
from torch.overrides import TorchFunctionMode

from cutaway.core.files import whole_file, write_text
from cutaway.transformers.checkpoint import CONFIG, WEIGHTS, assign, body_of, find_checkpoint, limits_for
from cutaway.transformers.config_json import Config, read_config, write_fields
from cutaway.transformers.key_maps import keys_of, stored_tensors
from cutaway.transformers.shards import map_weights

# Tensors of a decoder's block, and all outside of blocks: how long an honest header can be.
_PARAMETERS_A_BLOCK, _PARAMETERS_OUTSIDE = 26, 7


class Pretrained(nn.Module):
    """A model that checkpoints of one family can be loaded into and written from.

    Attributes:
        family: the key map and the fields of config.json that belong to it.
        config: its sizes.
        name: the checkpoint it was loaded from; empty for a fresh model.
        sha256: the hash of the checkpoint's weights where the catalog knows it, or somebody asked.
        left_out: keys of the checkpoint that belong to a head, which this model does not have.
    """

    family: ClassVar[str]

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.name = ""
        self.sha256 = ""
        self.left_out: tuple[str, ...] = ()

    @classmethod
    def load(cls, name_or_path: str | Path) -> Self:
        """Load a checkpoint, ready for prediction (`eval` mode), its weights mapped from the file.

        Args:
            name_or_path: a catalog name ("all-MiniLM-L6-v2"), or a folder with config.json and
                model.safetensors, whole or in shards. `left_out` lists the keys of heads that are
                not loaded.

        Returns:
            The model.
        """
        files = find_checkpoint(name_or_path)
        family, told = read_config(files.config, (cls.family,))
        blocks = told.layers + getattr(told, "decoder_layers", 0)
        limits = limits_for(_PARAMETERS_A_BLOCK * blocks + _PARAMETERS_OUTSIDE)
        tensors, left_out = body_of(map_weights(files.weights, limits=limits), family)
        # Nothing is allocated or drawn at random only to be replaced.
        with torch.device("meta"), _Undrawn():
            model = cls(cls.fit(told, tensors))
        places = keys_of(family, dict(model.named_parameters()))
        assign(model, tensors, places, numbers="verified" if files.sha256 else "unknown", name=files.name)
        model.name, model.sha256, model.left_out = files.name, files.sha256, left_out
        return model.eval()

    @staticmethod
    def fit(config: Any, keys: Collection[str]) -> Any:
        """Return the configuration of what a checkpoint really has.

        Args:
            config: as config.json tells it.
            keys: of the checkpoint.

        Returns:
            The same, unless the family has parts that may be absent.
        """
        del keys
        return config

    def save(self, folder: str | Path) -> None:
        """Write a checkpoint folder that `load` and the reference implementation read.

        Each file is whole or absent, config.json the last.

        Args:
            folder: made if it is not there.
        """
        config: Config = self.config
        fields = write_fields(self.family, config)
        parameters = dict(self.named_parameters())
        tensors = stored_tensors(parameters, keys_of(self.family, parameters))
        with whole_file(Path(folder) / WEIGHTS) as part:
            save_file(tensors, part, metadata={"format": "pt"})
        write_text(Path(folder) / CONFIG, json.dumps(fields, indent=2) + "\n")


class _Undrawn(TorchFunctionMode):
    """Leave new parameters undrawn: on the meta device a draw imports torch's compiler, for a second."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        drawn = getattr(func, "__module__", "") == nn.init.__name__ and kwargs
        return kwargs["tensor"] if drawn else func(*args, **(kwargs or {}))
