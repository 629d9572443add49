"""Many small maps at once: every head of every layer, each a picture of a few hundred bytes.

Legend: A rows of maps, B maps a row, T and S the sides of one map.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cutaway.core.trace import NamedArray

MOST_MAPS = 200
LONGEST_SIDE = 128


def atlas_of(array: NamedArray) -> str:
    """Return the maps of an array of shares as HTML; nothing for other arrays.

    Args:
        array: four axes, of which the last two make a map; values from 0 to 1.

    Returns:
        A grid, a row for each place on the first axis. A map is a mask over one color, so that the page's
        scheme decides which.
    """
    values = array.values
    if values.ndim != 4 or values.shape[0] * values.shape[1] > MOST_MAPS:
        return ""
    if (
        max(values.shape[2:]) > LONGEST_SIDE
        or values.size == 0
        or values.min() < 0
        or values.max() > 1 + 1e-6
    ):
        return ""
    first, second = array.axes[:2]
    cells = []
    for a, row in enumerate(values):
        for b, one in enumerate(row):
            address = f"data:image/png;base64,{base64.b64encode(mask_png(one)).decode()}"
            style = f"-webkit-mask-image:url({address});mask-image:url({address})"
            cells.append(f'<b title="{first} {a}, {second} {b}"><i style="{style}"></i></b>')
    columns = f"grid-template-columns:repeat({values.shape[1]},44px)"
    return (
        f'<div class="wide"><div class="atlas" style="{columns}">{"".join(cells)}</div></div>'
        f"<p><small>every {second} (column) of every {first} (row)</small></p>"
    )


def mask_png(shares: NDArray[Any]) -> bytes:
    """Return a map of shares as a PNG that is black, and as opaque as each share is large.

    Args:
        shares: (T, S), from 0 to 1.

    Example:
        >>> mask_png(np.eye(2))[:8]
        b'\\x89PNG\\r\\n\\x1a\\n'
    """
    alpha = np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)
    height, width = alpha.shape
    gray_alpha = np.stack([np.zeros_like(alpha), alpha], axis=2)
    # Each line begins with the number of its filter: none.
    lines = np.concatenate([np.zeros((height, 1), np.uint8), gray_alpha.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 4, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
