"""Special tokens around one text or two, by a template: [CLS] A [SEP] B [SEP].

Source: Devlin et al. 2019, arXiv:1810.04805, section 3.1 and figure 2 (segments of a pair).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cutaway.core.errors import FormatError
from cutaway.tokenization.encoding import Encoding


@dataclass(frozen=True, kw_only=True)
class Part:
    """One place of a template.

    Attributes:
        kind: a "text" or a "special" token.
        name: "A" or "B" for the first and second text; else the token's name in the template.
        type_id: the segment of what stands here.
    """

    kind: Literal["text", "special"]
    name: str
    type_id: int = 0


@dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """What a name in a template stands for: mostly one token, of the same name."""

    ids: tuple[int, ...]
    tokens: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Template:
    """Put texts and special tokens in the order of a template.

    Attributes:
        single: for one text.
        pair: for two.
        special_tokens: what the names stand for.

    Raises:
        FormatError: a template names a special token that is not defined, or a text that is not given.
    """

    single: tuple[Part, ...]
    pair: tuple[Part, ...]
    special_tokens: Mapping[str, SpecialTokens] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place, parts, texts in (("single", self.single, "A"), ("pair", self.pair, "AB")):
            for part in parts:
                if part.kind == "text" and part.name not in texts:
                    raise FormatError(f"the template {place} places text {part.name!r}: it has {list(texts)}")
                if part.kind == "special" and part.name not in self.special_tokens:
                    raise FormatError(f"the template {place} names {part.name!r}, which special_tokens lacks")
        if sorted(part.name for part in self.pair if part.kind == "text") not in ([], ["A", "B"]):
            raise FormatError("the template pair must place text A once and text B once")
        if [part.name for part in self.single if part.kind == "text"] not in ([], ["A"]):
            raise FormatError("the template single must place text A once")

    def added(self, texts: int) -> int:
        """Return how many tokens are put around one text or two."""
        parts = self.single if texts == 1 else self.pair
        return sum(len(self.special_tokens[part.name].ids) for part in parts if part.kind == "special")

    def process(self, texts: Sequence[Encoding], *, special: bool) -> list[Encoding]:
        """Return texts and special tokens in order."""
        made = []
        for part in self.single if len(texts) == 1 else self.pair:
            if part.kind == "text":
                at = "AB".index(part.name)
                made.append(texts[at].placed(text=at, type_id=part.type_id))
            elif special:
                made.append(_encoded(self.special_tokens[part.name], part.type_id))
        return made


def _encoded(special: SpecialTokens, type_id: int) -> Encoding:
    count = len(special.ids)
    return Encoding(
        ids=list(special.ids),
        tokens=list(special.tokens),
        offsets=[(0, 0)] * count,
        word_ids=[None] * count,
        type_ids=[type_id] * count,
        text_ids=[None] * count,
    )


def around(first: tuple[str, int] | None, last: tuple[str, int] | None) -> Template:
    """Return the template of a single token before and one behind each text, either of which may be missing.

    Example:
        >>> around(("[CLS]", 101), ("[SEP]", 102)).added(2)
        3
    """
    known = {
        token: SpecialTokens(ids=(number,), tokens=(token,)) for token, number in filter(None, (first, last))
    }
    opens = (Part(kind="special", name=first[0]),) if first else ()

    def closes(type_id: int) -> tuple[Part, ...]:
        return (Part(kind="special", name=last[0], type_id=type_id),) if last else ()

    text_a, text_b = Part(kind="text", name="A"), Part(kind="text", name="B", type_id=1)
    single = (*opens, text_a, *closes(0))
    return Template(single=single, pair=(*single, text_b, *closes(1)), special_tokens=known)
