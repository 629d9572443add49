"""Write tokenization/splitters/split_classes.json by asking the Rust library about every code point.

    python tools/make_split_classes.py

The split patterns of the field are written in Unicode's general categories. Which character is in which
depends on the Unicode version of the library that runs the pattern, so each of the 1,112,064 code points
is put to it, and the answers are stored as runs: where each starts, and a letter for its class.
"""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

TARGET = Path(__file__).parents[1] / "src/cutaway/tokenization/splitters/split_classes.json"
CODE_POINTS = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
BLOCK = 1 << 14

# A letter for each class; what is in none is "o".
CLASSES = {
    "u": r"[\p{Lu}\p{Lt}]",
    "l": r"\p{Ll}",
    "c": r"[\p{Lm}\p{Lo}]",
    "m": r"\p{M}",
    "n": r"\p{N}",
    "s": r"\s",
}


def members(pattern: str) -> set[int]:
    """Return the code points that a class matches: those that are missing when it removes its matches."""
    remove = Split(Regex(pattern), "removed")
    found = set(CODE_POINTS)
    for at in range(0, len(CODE_POINTS), BLOCK):
        block = CODE_POINTS[at : at + BLOCK]
        for _, (start, end) in remove.pre_tokenize_str("".join(map(chr, block))):
            found.difference_update(block[start:end])
    return found


def main() -> None:
    """Ask, gather into runs, write."""
    letters = {code: letter for letter, pattern in CLASSES.items() for code in members(pattern)}
    starts, kinds = [0], letters.get(0, "o")
    for code in range(1, 0x110000):
        letter = letters.get(code, "o")
        if letter != kinds[-1]:
            starts.append(code)
            kinds += letter
    gaps = [after - before for before, after in zip([0, *starts], starts, strict=False)]
    TARGET.write_text(
        json.dumps({"gaps": gaps, "kinds": kinds}, separators=(",", ":")) + "\n", encoding="ascii"
    )


if __name__ == "__main__":
    main()
