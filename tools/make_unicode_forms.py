"""Write normalizers/unicode_forms.json by asking the Rust library about every code point.

    python tools/make_unicode_forms.py

What bert_characters.json does not hold: compatibility decompositions, which characters never compose,
marks as `StripAccents` sees them, word characters, numbers. The tables
belong to the Unicode version of the reference tokenizer, not to Python's.
"""

from __future__ import annotations

import json
from pathlib import Path

import tokenizers
from make_bert_characters import CODE_POINTS, HANGUL, ranges
from tokenizers.normalizers import NFC, NFD, NFKD, StripAccents
from tokenizers.pre_tokenizers import Digits, Whitespace

TARGET = Path(__file__).parents[1] / "src/cutaway/tokenization/normalizers/unicode_forms.json"


def compatibility() -> dict[str, str]:
    """Ask for each compatibility decomposition that is not the canonical one."""
    nfd, nfkd = NFD().normalize_str, NFKD().normalize_str
    return {
        chr(code): nfkd(chr(code))
        for code in CODE_POINTS
        if code not in HANGUL and nfkd(chr(code)) != nfd(chr(code))
    }


def composed_only_apart() -> list[int]:
    """Ask which characters decompose and are not put together again."""
    nfc, nfd = NFC().normalize_str, NFD().normalize_str
    return [c for c in CODE_POINTS if c not in HANGUL and nfd(chr(c)) != chr(c) and nfc(chr(c)) != chr(c)]


def word_characters() -> list[int]:
    """Ask which characters belong to a word with an "a"; `\\w` in a pattern of the Rust library."""
    split = Whitespace().pre_tokenize_str
    return [code for code in CODE_POINTS if split(f"a{chr(code)}") == [(f"a{chr(code)}", (0, 2))]]


def numbers() -> list[int]:
    """Ask which characters are numbers of any kind."""
    split = Digits(individual_digits=True).pre_tokenize_str
    return [code for code in CODE_POINTS if len(split(f"a{chr(code)}b")) == 3]


def main() -> None:
    """Ask for each table and write them all."""
    forms = compatibility()
    strip = StripAccents().normalize_str
    document = {
        "about": f"Unicode in tokenizers {tokenizers.__version__}; made by tools/make_unicode_forms.py",
        "apart": ranges(composed_only_apart()),
        "mark": ranges(code for code in CODE_POINTS if strip(chr(code)) == ""),
        "word": ranges(word_characters()),
        "number": ranges(numbers()),
        "compatible": "\n".join(forms),
        "compatibility": "\n".join(forms.values()),
    }
    lines = ",\n".join(
        f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in document.items()
    )
    TARGET.write_text(f"{{\n{lines}\n}}\n", encoding="ascii")


if __name__ == "__main__":
    main()
