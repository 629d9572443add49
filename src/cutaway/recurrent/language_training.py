"""Training of a language model: truncated backpropagation through time, stopped and resumed bit for bit.

The text lies as B streams side by side. Each step reads the next T characters of every stream from the
state that the step before left; gradients end where the step began. A step's number says all of where
it reads, so a checkpoint is: the number, weights, moments of the optimizer, state, and torch's generator.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cutaway.core.errors import DataError, DivergedError, FormatError, MissingFileError, UsageError
from cutaway.core.files import whole_file, write_text
from cutaway.recurrent.language import LanguageModel, LanguageSettings, State
from cutaway.training.optimizer import OptimizerSettings, adamw, clip, rate_at

FORMAT = "cutaway-language-model/1"
CONFIG, WEIGHTS, RESUME = "config.json", "model.safetensors", "resume.safetensors"


@dataclass(frozen=True, kw_only=True)
class LanguageTraining:
    """How a language model is trained.

    Attributes:
        streams: pieces of the text read side by side.
        steps: characters of each stream in one step: how far back a gradient goes.
        epochs: passes over the text.
        seed: of weights and dropout.
        scoring_streams: pieces in which the held-out text is scored after each epoch.
        optimizer: rate, decay, warm-up, clipping.
    """

    streams: int = 32
    steps: int = 96
    epochs: int = 12
    seed: int = 0
    scoring_streams: int = 8
    optimizer: OptimizerSettings = field(default_factory=lambda: OptimizerSettings(rate=4e-3, warmup=0.02))

    def __post_init__(self) -> None:
        if min(self.streams, self.steps, self.epochs, self.scoring_streams) < 1:
            raise UsageError(
                f"streams ({self.streams}, {self.scoring_streams} for scoring), steps ({self.steps}) and "
                f"epochs ({self.epochs}) start at 1"
            )


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One step: its number of how many, loss (nats), characters, seconds; held-out nats at an epoch's end."""

    step: int
    of: int
    loss: float
    characters: int
    seconds: float
    held_out: float | None


class LanguageRun:
    """A training that can stop after any step and go on later.

    Args:
        model: what is trained.
        text: (N) int ids to learn from.
        held_out: (N) int ids to score.
        settings: how.

    Raises:
        DataError: a text is too short for the streams.
    """

    def __init__(
        self, model: LanguageModel, text: Tensor, held_out: Tensor, settings: LanguageTraining
    ) -> None:
        self.model, self.held_out, self.settings = model, held_out, settings
        length = len(text) // settings.streams
        if length < settings.steps + 1 or len(held_out) < 2 * settings.scoring_streams:
            raise DataError(
                f"a text of {len(text)} characters, {len(held_out)} held out, is too short for "
                f"{settings.streams} streams of {settings.steps} steps"
            )
        self.rows = text[: length * settings.streams].view(settings.streams, length)
        self.per_epoch = (length - 1) // settings.steps
        self.total = self.per_epoch * settings.epochs
        self.done = 0
        self.best = math.inf
        self.state: State | None = None
        self.optimizer = adamw(model.named_parameters(), settings.optimizer)
        torch.manual_seed(settings.seed)

    def go(self, folder: Path, listen: Callable[[Progress], None]) -> None:
        """Train to the end; keep the best epoch's weights, and a checkpoint whenever it stops.

        Args:
            folder: the run folder.
            listen: told each step.

        Raises:
            DivergedError: the loss became NaN or infinite; the last checkpoint is still good.
        """
        try:
            while self.done < self.total:
                event = self._step()
                if event.held_out is not None:
                    if event.held_out < self.best:
                        self.best = event.held_out
                        save_language_model(self.model, folder)
                    self.checkpoint(folder)
                listen(event)
        except KeyboardInterrupt:
            self.checkpoint(folder)
            raise

    def _step(self) -> Progress:
        started = time.perf_counter()
        at = self.done % self.per_epoch * self.settings.steps
        piece = self.rows[:, at : at + self.settings.steps + 1]
        state = None if at == 0 else self.state
        self.model.train()
        rate = rate_at(self.done, self.total, self.settings.optimizer)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # An interrupt within the step must find the old weights with the old state and number.
        drawn = torch.get_rng_state()
        try:
            logits, after = self.model(piece[:, :-1], state)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten())
            value = float(loss.detach())
            if not math.isfinite(value):
                raise DivergedError(
                    f"the loss became {value} at step {self.done + 1} with rate {rate:.1e}: try a lower one"
                )
            loss.backward()  # type: ignore[no-untyped-call]
        except KeyboardInterrupt:
            torch.set_rng_state(drawn)
            raise
        clip(self.model.parameters(), self.settings.optimizer.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.state = (after[0].detach(), after[1].detach())
        self.done += 1
        ended = self.done % self.per_epoch == 0
        held_out = self.model.nats(self.held_out, streams=self.settings.scoring_streams) if ended else None
        seconds = time.perf_counter() - started
        return Progress(
            step=self.done,
            of=self.total,
            loss=value,
            characters=piece[:, 1:].numel(),
            seconds=seconds,
            held_out=held_out,
        )

    def checkpoint(self, folder: Path) -> None:
        """Write all that is needed to go on.

        Args:
            folder: the run folder.
        """
        kept = {"generator": torch.get_rng_state()}
        if self.state is not None:
            kept.update(hidden=self.state[0], cell=self.state[1])
        for name, parameter in self.model.named_parameters():
            kept[f"weight/{name}"] = parameter.detach()
            for part, value in self.optimizer.state[parameter].items():
                kept[f"moment/{part}/{name}"] = value
        facts = {"done": str(self.done), "best": repr(self.best), "recipe": self._recipe()}
        with whole_file(folder / RESUME) as part_file:
            save_file({name: value.contiguous() for name, value in kept.items()}, part_file, metadata=facts)

    def resume(self, folder: Path) -> None:
        """Go back to where a checkpoint was written.

        Args:
            folder: the run folder.

        Raises:
            MissingFileError: there is no checkpoint.
            FormatError: it is damaged.
            UsageError: it belongs to another model, text or settings.
        """
        path = folder / RESUME
        if not path.is_file():
            raise MissingFileError(f"{folder} holds no {RESUME}: there is nothing to resume")
        try:
            with safe_open(path, "pt") as file:
                facts = file.metadata() or {}
            kept = load_file(path)
        except (safetensors.SafetensorError, ValueError) as error:
            raise FormatError(f"{path} is not a readable checkpoint: {error}") from error
        if facts.get("recipe") != self._recipe():
            raise UsageError(f"{path} was written for another model, text or settings: train with those")
        self.done, self.best = int(facts["done"]), float(facts["best"])
        self.state = (kept["hidden"], kept["cell"]) if "hidden" in kept else None
        for name, parameter in self.model.named_parameters():
            parameter.data.copy_(kept[f"weight/{name}"])
            for part in ("step", "exp_avg", "exp_avg_sq"):
                if f"moment/{part}/{name}" in kept:
                    self.optimizer.state[parameter][part] = kept[f"moment/{part}/{name}"]
        torch.set_rng_state(kept["generator"])

    def _recipe(self) -> str:
        text = [*self.rows.shape, int(self.rows.sum()), len(self.held_out), int(self.held_out.sum())]
        return json.dumps([asdict(self.model.settings), asdict(self.settings), text], sort_keys=True)


def split_text(text: str, held_out: float) -> tuple[str, str]:
    """Return a text without its end, and the end.

    Args:
        text: all of it.
        held_out: the end's share.

    Raises:
        UsageError: the share leaves nothing of one part.

    Example:
        >>> split_text("abcdefghij", 0.1)
        ('abcdefghi', 'j')
    """
    count = round(len(text) * held_out)
    if not 0 < count < len(text):
        raise UsageError(f"a share of {held_out} held out of {len(text)} characters leaves one part empty")
    return text[:-count], text[-count:]


def save_language_model(model: LanguageModel, folder: Path) -> None:
    """Write a model, each file whole or absent, the config last.

    Args:
        model: what to write.
        folder: made if it is not there.
    """
    with whole_file(folder / WEIGHTS) as part:
        save_file({name: p.detach().contiguous() for name, p in model.state_dict().items()}, part)
    config = {"format": FORMAT, "settings": asdict(model.settings)}
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")


def load_language_model(folder: Path) -> LanguageModel:
    """Load a model, ready to write and to score.

    Args:
        folder: holds config.json and model.safetensors.

    Raises:
        MissingFileError: one of the files is not there.
        FormatError: a file is damaged, or the weights do not fit the vocabulary or shape.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise MissingFileError(f"{folder} is no trained language model: it lacks {name}")
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if config["format"] != FORMAT:
            raise FormatError(f"{folder}: the format is {config['format']!r}, not {FORMAT!r}")
        model = LanguageModel(LanguageSettings(**config["settings"]))
        model.load_state_dict(load_file(folder / WEIGHTS), strict=True)
    except FormatError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        raise FormatError(
            f"{folder} does not hold one model: {' '.join(str(error).split())[:200]}"
        ) from error
    return model.eval()


def symbols_of(text: str) -> Iterator[str]:
    """Yield the distinct characters of a text, in order.

    Example:
        >>> list(symbols_of("cabba"))
        ['a', 'b', 'c']
    """
    yield from sorted(set(text))
