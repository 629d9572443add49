"""Write normalizers/bert_characters.json by asking the Rust library about every code point.

    python tools/make_bert_characters.py

What BERT's uncased normalizer does to a character depends on the Unicode tables it was built with.
The reference implementation's tables are of several ages, and none is Python's. So nothing here is
computed from a standard: each of the 1,112,064 code points is put to the library, and the answers are
stored as ranges. `unicodedata` only suggests which characters to use as yardsticks for the order of
combining marks; the answers still come from the library.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import tokenizers
from tokenizers.normalizers import NFD, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

TARGET = Path(__file__).parents[1] / "src/cutaway/tokenization/normalizers/bert_characters.json"
CODE_POINTS = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)


def bert(step: str) -> Callable[[str], str]:
    """Return BERT's normalizer with only one of its four steps switched on."""
    steps = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
    normalize: Callable[[str], str] = BertNormalizer(**{name: name == step for name in steps}).normalize_str
    return normalize


def ranges(codes: Iterable[int]) -> list[list[int]]:
    """Gather code points into [first, last] pairs."""
    found: list[list[int]] = []
    for code in codes:
        if found and code == found[-1][1] + 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def lower_runs(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Gather (upper, lower) pairs into [first, last, step, distance], step 1 or 2."""
    runs: list[list[int]] = []
    for upper, lower in pairs:
        if runs and lower - upper == runs[-1][3]:
            first, last, step, _ = runs[-1]
            gap = upper - last
            if gap == step or (first == last and gap in (1, 2)):
                runs[-1][1:3] = [upper, gap]
                continue
        runs.append([upper, upper, 1, lower - upper])
    return runs


def combining_classes(nfd: Callable[[str], str]) -> dict[int, int]:
    """Find each code point's canonical combining class by seeing what it is sorted before and after."""
    highest = "\u0345"  # class 240, the last there is
    yardsticks: dict[int, str] = {}
    for code in CODE_POINTS:
        char = chr(code)
        if (value := unicodedata.combining(char)) and (value == 240 or nfd(highest + char) == char + highest):
            yardsticks.setdefault(value, char)
    order = sorted(yardsticks)
    lowest = yardsticks[order[0]]
    classes = {}
    for code in CODE_POINTS:
        char = chr(code)
        if nfd(char) != char:
            continue
        moves = nfd(highest + char) == char + highest or nfd(char + lowest) == lowest + char
        if not moves:
            continue
        others = [value for value in order if yardsticks[value] != char]
        below = [value for value in others if nfd(char + yardsticks[value]) == yardsticks[value] + char]
        above = [value for value in others if nfd(yardsticks[value] + char) == char + yardsticks[value]]
        same = [value for value in order if value not in below and value not in above]
        assert below + same[:1] + above == order, (hex(code), below, same, above)
        classes[code] = same[0]
    return classes


def class_ranges(classes: dict[int, int]) -> list[list[int]]:
    """Gather (code point, class) into [first, last, class]."""
    found: list[list[int]] = []
    for code, value in classes.items():
        if found and code == found[-1][1] + 1 and value == found[-1][2]:
            found[-1][1] = code
        else:
            found.append([code, code, value])
    return found


def kinds() -> dict[str, list[list[int]]]:
    """Ask which characters are dropped, are space, are set apart, are punctuation, are stripped."""
    clean, chinese, strip = bert("clean_text"), bert("handle_chinese_chars"), bert("strip_accents")
    split = BertPreTokenizer().pre_tokenize_str
    found: dict[str, list[int]] = {
        name: [] for name in ("removed", "space", "ideograph", "punctuation", "mark")
    }
    for code in CODE_POINTS:
        char = chr(code)
        cleaned = clean(f"a{char}b")
        assert cleaned in ("ab", "a b", f"a{char}b"), hex(code)
        if cleaned in ("ab", "a b"):
            found["removed" if cleaned == "ab" else "space"].append(code)
            continue
        pieces = len(split(f"a{char}b"))
        assert pieces in (1, 3), (hex(code), pieces)
        if chinese(char) != char:
            assert chinese(char) == f" {char} ", hex(code)
            found["ideograph"].append(code)
        elif pieces == 3:
            found["punctuation"].append(code)
        elif strip(char) == "":
            found["mark"].append(code)
    return {name: ranges(codes) for name, codes in found.items()}


def decompositions(nfd: Callable[[str], str]) -> dict[str, str]:
    """Ask for each canonical decomposition but Hangul's, which are computed; check that they are."""
    found = {}
    for code in CODE_POINTS:
        char = chr(code)
        if code in HANGUL:
            lead, rest = divmod(code - HANGUL.start, 21 * 28)
            vowel, tail = divmod(rest, 28)
            jamo = chr(0x1100 + lead) + chr(0x1161 + vowel) + (chr(0x11A7 + tail) if tail else "")
            assert nfd(char) == jamo, hex(code)
        elif nfd(char) != char:
            found[char] = nfd(char)
    return found


def lower_pairs() -> list[tuple[int, int]]:
    """Ask for the lower case of each character that does not decompose."""
    lower, nfd = bert("lowercase"), NFD().normalize_str
    pairs = []
    for code in CODE_POINTS:
        if nfd(chr(code)) == chr(code) != lower(chr(code)):
            assert len(lower(chr(code))) == 1, hex(code)
            pairs.append((code, ord(lower(chr(code)))))
    return pairs


def main() -> None:
    """Ask, gather and write the file, one field a line."""
    nfd: Callable[[str], str] = NFD().normalize_str
    decomposed = decompositions(nfd)
    fields = {
        "about": f"BERT's uncased characters as tokenizers {tokenizers.__version__} has them; "
        "made by tools/make_bert_characters.py",
        **kinds(),
        "combining": class_ranges(combining_classes(nfd)),
        "lower": lower_runs(lower_pairs()),
        "composed": "\n".join(decomposed),
        "decomposed": "\n".join(decomposed.values()),
    }
    lines = [
        f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in fields.items()
    ]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
