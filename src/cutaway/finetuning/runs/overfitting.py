"""Where a training began to learn its examples by heart: the lowest held-out loss, and what came after."""

from __future__ import annotations

from dataclasses import dataclass

from cutaway.training.history import History

# A loss has to move by so much of itself to count: the mean of a thousand held-out losses is known to some
# three in a hundred, and most of that is shared by two epochs, which answer the same examples.
MOVED = 0.02


@dataclass(frozen=True, kw_only=True)
class OverfittingPoint:
    """The turning point of a training, and its last epoch.

    Attributes:
        epoch: with the lowest held-out loss; its weights are the ones that are kept.
        held_out: its held-out loss, nats.
        training: its training loss, nats.
        last_epoch: how many epochs there were.
        last_held_out: the last one's held-out loss.
        last_training: the last one's training loss.
    """

    epoch: int
    held_out: float
    training: float
    last_epoch: int
    last_held_out: float
    last_training: float

    @property
    def passed(self) -> bool:
        """Whether training went on past it: the training loss fell and the held-out loss rose."""
        rose = self.last_held_out > self.held_out * (1 + MOVED)
        return rose and self.last_training < self.training * (1 - MOVED)

    def sentence(self) -> str:
        """Return what happened, with the numbers."""
        best = f"lowest held-out loss {self.held_out:.4f} after epoch {self.epoch} of {self.last_epoch}"
        if self.epoch == self.last_epoch:
            return f"{best}, the last: no over-fitting yet"
        after = (
            f"training loss {self.training:.4f} to {self.last_training:.4f}, "
            f"held-out {self.held_out:.4f} to {self.last_held_out:.4f}"
        )
        return f"{best}; then {'over-fitting' if self.passed else 'no clear over-fitting'}: {after}"


def overfitting_point(history: History) -> OverfittingPoint | None:
    """Find where held-out loss was lowest.

    Args:
        history: steps and epochs.

    Returns:
        The point; None if no epoch was finished.
    """
    if not history.epochs:
        return None
    best = min(history.epochs, key=lambda epoch: epoch.validation["loss"])
    last = history.epochs[-1]
    return OverfittingPoint(
        epoch=best.epoch,
        held_out=best.validation["loss"],
        training=best.training_loss,
        last_epoch=last.epoch,
        last_held_out=last.validation["loss"],
        last_training=last.training_loss,
    )
