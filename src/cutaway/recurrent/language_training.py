"""Training of a language model: truncated backpropagation through time.

The text lies as B streams side by side. Each step reads the next T characters of every stream from the
state that the step before left; gradients end where the step began. That state is all that the shared loop
must keep beside its own to go on bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cutaway.core.errors import DataError, FormatError, MissingFileError, UsageError
from cutaway.core.files import whole_file, write_text
from cutaway.recurrent.language import LanguageModel, LanguageSettings, State
from cutaway.training.loop import LoopSettings
from cutaway.training.optimizer import OptimizerSettings

FORMAT = "cutaway-language-model/1"
CONFIG, WEIGHTS = "config.json", "model.safetensors"


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

    @property
    def loop(self) -> LoopSettings:
        """The same for the shared loop, which takes all epochs and keeps the best."""
        return LoopSettings(
            epochs=self.epochs, patience=self.epochs, seed=self.seed, optimizer=self.optimizer
        )


class LanguageTask:
    """A text as streams side by side, in the shared loop: the next symbols of each in, their mean loss out.

    Args:
        model: what is trained.
        text: (N) int ids to learn from.
        held_out: (N) int ids to score.
        settings: how.
        folder: the run's, where the best epoch's weights are kept.

    Raises:
        DataError: a text is too short for the streams.
    """

    def __init__(
        self, model: LanguageModel, text: Tensor, held_out: Tensor, settings: LanguageTraining, folder: Path
    ) -> None:
        self.model, self.held_out, self.settings, self.folder = model, held_out, settings, folder
        length = len(text) // settings.streams
        if length < settings.steps + 1 or len(held_out) < 2 * settings.scoring_streams:
            raise DataError(
                f"a text of {len(text)} characters, {len(held_out)} held out, is too short for "
                f"{settings.streams} streams of {settings.steps} steps"
            )
        self.rows = text[: length * settings.streams].view(settings.streams, length)
        self._left: State | None = None

    def batches(self, epoch: int) -> Sequence[int]:
        """Return where each step begins in every stream, in the order of the text."""
        del epoch
        steps = self.settings.steps
        return range(0, self.rows.shape[1] - steps, steps)

    def loss(self, batch: int) -> tuple[Tensor, int]:
        """Return the mean loss of a step's symbols and their number; the next one goes on from its state."""
        piece = self.rows[:, batch : batch + self.settings.steps + 1]
        logits, after = self.model(piece[:, :-1], None if batch == 0 else self._left)
        self._left = (after[0].detach(), after[1].detach())
        return nn.functional.cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten()), self.tokens(batch)

    def tokens(self, batch: int) -> int:
        """Return how many symbols a step asks for."""
        del batch
        return self.settings.streams * self.settings.steps

    def validate(self) -> Mapping[str, float]:
        """Score the held-out text, in nats a symbol."""
        return {"loss": self.model.nats(self.held_out, streams=self.settings.scoring_streams)}

    def keep(self, epoch: int) -> None:
        """Write the model."""
        del epoch
        save_language_model(self.model, self.folder)

    def state(self) -> Mapping[str, Tensor]:
        """Return the state that the step before left."""
        return {} if self._left is None else {"hidden": self._left[0], "cell": self._left[1]}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take it back."""
        self._left = (state["hidden"], state["cell"]) if state else None


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
