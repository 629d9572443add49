"""Kinds of files that are never opened, why, and the way round."""

from __future__ import annotations

from pathlib import Path

ZIP = b"PK\x03\x04"
PICKLE_PROTOCOLS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
PICKLE_ENDINGS = frozenset({".pkl", ".pickle", ".kv", ".model", ".pt", ".pth", ".joblib"})

WHY = "opening a pickle runs whatever code is in it, so Cutaway never does"
WAY_ROUND = "save the vectors as text where you trust the file, in gensim with save_word2vec_format(path)"


def reason_to_refuse(path: Path, head: bytes) -> str | None:
    """Return why a file is refused and what to do instead, or None for a file that may be read.

    Args:
        path: the file; its ending counts only where its bytes say nothing.
        head: its first bytes.

    Returns:
        One sentence for the user, without the path; None if nothing speaks against the file.

    Example:
        >>> reason_to_refuse(Path("king.txt"), b"king 0.1 0.2") is None
        True
        >>> reason_to_refuse(Path("vectors.kv"), b"\\x80\\x04\\x95")[:41]
        "is a pickle (gensim's native format is on"
    """
    if head.startswith(PICKLE_PROTOCOLS):
        return f"is a pickle (gensim's native format is one): {WHY}; {WAY_ROUND}"
    if head.startswith(ZIP):
        if path.suffix in {".pt", ".pth", ".bin"}:
            return f"is a PyTorch archive, a zip with a pickle inside: {WHY}; {WAY_ROUND}"
        return "is a zip archive: unpack it and load the file that is inside"
    if path.suffix in PICKLE_ENDINGS:
        return f"is called {path.suffix}, as pickles are: {WHY}; {WAY_ROUND}"
    return None
