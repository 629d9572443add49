"""The binary tree of hierarchical softmax: frequent words near the root.

Letters: V words, P steps on all paths together.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The way from the root to every word.

    Attributes:
        starts: (V + 1,) where each word's steps begin.
        nodes: (P,) the inner node of each step, 0 to V - 2, the root first.
        labels: (P,) 1 where the step goes left, 0 where it goes right: what the node should say.
    """

    starts: NDArray[np.int64]
    nodes: NDArray[np.int32]
    labels: NDArray[np.float32]

    def of(self, word: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return one word's nodes and labels.

        Args:
            word: its row.

        Returns:
            The inner nodes from the root down, and 1 or 0 for each.
        """
        part = slice(int(self.starts[word]), int(self.starts[word + 1]))
        return self.nodes[part], self.labels[part]

    @property
    def longest(self) -> int:
        """How many steps the longest path has."""
        return int(np.diff(self.starts).max(initial=0))


def huffman_paths(counts: NDArray[np.int64]) -> Paths:
    """Build Huffman's tree: join the two rarest, again and again.

    Args:
        counts: (V,) how often each word occurs.

    Returns:
        Every word's path; with a single word an empty one.

    Source:
        Huffman 1952, A method for the construction of minimum-redundancy codes; Morin and Bengio 2005;
        Mikolov et al. 2013, arXiv:1310.4546, section 2.1.

    Example:
        >>> paths = huffman_paths(np.array([5, 2, 1]))
        >>> [paths.of(word)[1].tolist() for word in range(3)]
        [[1.0], [0.0, 1.0], [0.0, 0.0]]
    """
    words = len(counts)
    heap = [(count, at) for at, count in enumerate(counts.tolist())]
    heapq.heapify(heap)
    parent, label = [0] * (2 * words - 1), [0.0] * (2 * words - 1)
    for joined in range(words, 2 * words - 1):
        (low, right), (high, left) = heapq.heappop(heap), heapq.heappop(heap)
        parent[left] = parent[right] = joined
        label[left] = 1.0
        heapq.heappush(heap, (low + high, joined))
    root = 2 * words - 2
    nodes: list[int] = []
    labels: list[float] = []
    starts = [0]
    for word in range(words):
        steps = []
        at = word
        while at != root:
            steps.append((parent[at] - words, label[at]))
            at = parent[at]
        nodes += [node for node, _ in reversed(steps)]
        labels += [went for _, went in reversed(steps)]
        starts.append(len(nodes))
    return Paths(
        starts=np.array(starts, np.int64),
        nodes=np.array(nodes, np.int32),
        labels=np.array(labels, np.float32),
    )
