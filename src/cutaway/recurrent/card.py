"""The card of a trained classifier: what it is, how it was made, what it scores."""

from __future__ import annotations

from cutaway.recurrent.train import TrainSettings
from cutaway.training.loop import History


def card(settings: TrainSettings, vectors: str, history: History, data: str) -> str:
    """Return the card as Markdown.

    Args:
        settings: what it was trained with.
        vectors: the word vectors' name.
        history: of the training; its best epoch is the one that was kept.
        data: what it was trained on, in words.

    Returns:
        The text, ending in a line feed.
    """
    model, loop, best = settings.model, settings.loop, history.best
    told = best.validation
    read = f"the first {model.reading.head} and last {model.reading.tail} words of a longer text"
    lines = [
        "# Text classifier: an LSTM over word vectors",
        "",
        f"- **Classes**: {', '.join(model.labels)}.",
        f"- **Model**: LSTM, {model.layers} layer(s) of {model.hidden} units, directions "
        f"{model.directions}, over frozen vectors {vectors}; pooling {model.pooling}; a linear head.",
        f"- **Data**: {data}; {read} are read.",
        f"- **Recipe**: AdamW, peak rate {loop.optimizer.rate:g}, at most {loop.epochs} epochs, patience "
        f"{loop.patience}, batches of {settings.batch_words:,} words, dropout {model.dropout:g} on the "
        f"pooled state, {model.word_dropout:.0%} of the words read as unknown, seed {loop.seed}.",
        f"- **Held-out**: accuracy {told['accuracy']:.2%}, loss {told['loss']:.4f} nats (epoch {best.epoch}, "
        "chosen by loss: a little better than on new text).",
        "",
        "| epoch | training loss | held-out loss | held-out accuracy |",
        "|---|---|---|---|",
    ]
    for epoch in history.epochs:
        v = epoch.validation
        lines.append(f"| {epoch.epoch} | {epoch.training_loss:.4f} | {v['loss']:.4f} | {v['accuracy']:.2%} |")
    return "\n".join([*lines, ""])
