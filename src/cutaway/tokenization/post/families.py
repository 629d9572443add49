"""The fixed arrangements of two families: BERT's, and RoBERTa's with two tokens between the texts.

    BERT      [CLS] A [SEP] B [SEP]         segments 0 and 1
    RoBERTa   <s> A </s> </s> B </s>        segment 0 throughout

Source: Devlin et al. 2019, arXiv:1810.04805, figure 2; Liu et al. 2019, arXiv:1907.11692, section 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cutaway.tokenization.encoding import Encoding
from cutaway.tokenization.post.byte_level import trimmed
from cutaway.tokenization.post.template import Part, SpecialTokens, Template, around


@dataclass(frozen=True, kw_only=True)
class BertProcessing:
    """BERT's arrangement.

    Attributes:
        sep: the token that ends each text, and its id.
        cls: the token that comes first, and its id.
    """

    sep: tuple[str, int]
    cls: tuple[str, int]

    @cached_property
    def template(self) -> Template:
        """The same as a template."""
        return around(self.cls, self.sep)

    def added(self, texts: int) -> int:
        """Return 2 for one text, 3 for two."""
        return self.template.added(texts)

    def process(self, texts: Sequence[Encoding], *, special: bool) -> list[Encoding]:
        """Return texts and special tokens in order."""
        return self.template.process(texts, special=special)


@dataclass(frozen=True, kw_only=True)
class RobertaProcessing:
    """RoBERTa's arrangement.

    Attributes:
        sep: the token that ends each text, and its id.
        cls: the token that comes first, and its id.
        trim_offsets: leave white space out of a token's place.
        add_prefix_space: the splitter put a space before the text; its place is kept as it is.
    """

    sep: tuple[str, int]
    cls: tuple[str, int]
    trim_offsets: bool = True
    add_prefix_space: bool = True

    @cached_property
    def template(self) -> Template:
        """The same as a template."""
        cls, sep = Part(kind="special", name=self.cls[0]), Part(kind="special", name=self.sep[0])
        single = (cls, Part(kind="text", name="A"), sep)
        known = {
            token: SpecialTokens(ids=(number,), tokens=(token,)) for token, number in (self.cls, self.sep)
        }
        pair = (*single, sep, Part(kind="text", name="B"), sep)
        return Template(single=single, pair=pair, special_tokens=known)

    def added(self, texts: int) -> int:
        """Return 2 for one text, 4 for two."""
        return self.template.added(texts)

    def process(self, texts: Sequence[Encoding], *, special: bool) -> list[Encoding]:
        """Return texts and special tokens in order."""
        if self.trim_offsets:
            texts = [trimmed(text, prefixed=self.add_prefix_space) for text in texts]
        return self.template.process(texts, special=special)
