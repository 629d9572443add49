"""SentencePiece's own stages, said in the components that a tokenizer.json has.

    "  Hello   world "  →  ▁Hello | ▁world

A .model file normalizes in one step; the same in four: spaces at either end go, those between words become
one ▁, and one is put before the text. Sums are of double precision then, and begin anew with each word:
where two ways to cut a text are equally likely to six digits, another may win than in the .model file.

Source: Kudo and Richardson 2018, arXiv:1808.06226, section 3.2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cutaway.core.errors import FormatError
from cutaway.tokenization.added import AddedToken
from cutaway.tokenization.decoders.sentencepiece import SentencePieceDecoder
from cutaway.tokenization.decoders.spaces import MetaspaceDecoder
from cutaway.tokenization.models.unigram import Unigram
from cutaway.tokenization.normalizers.replace import Prepend, Replace
from cutaway.tokenization.normalizers.sentencepiece import SPACE, SentencePieceNormalizer
from cutaway.tokenization.normalizers.sequence import Sequence
from cutaway.tokenization.patterns import Pattern
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.splitters.metaspace import Metaspace

# Where a text ends is said by what does not stand there: $ and \z are read differently.
NORMALIZER: Final = Sequence(
    normalizers=(
        Replace(pattern=Pattern(text=r"(?<![\s\S]) +", kind="regex"), content=""),
        Replace(pattern=Pattern(text=rf"[ {SPACE}]+(?![\s\S])", kind="regex"), content=""),
        Replace(pattern=Pattern(text=" +", kind="regex"), content=SPACE),
        Prepend(prepend=SPACE),
    )
)
SPLITTER: Final = Metaspace(prepend_scheme="never")


def in_components(pipeline: Pipeline) -> Pipeline:
    """Return the same tokenizer without stages that only a .model file has.

    Control pieces become special tokens: `<s>` in a text is then that token, as in every tokenizer.json.

    Args:
        pipeline: any; one without SentencePiece's normalizer, or with another model than Unigram, is
            returned as it is.

    Raises:
        FormatError: it has settings that components cannot say.
    """
    model, normalizer = pipeline.model, pipeline.normalizer
    if not isinstance(model, Unigram) or not isinstance(normalizer, SentencePieceNormalizer):
        return pipeline
    reasons = {
        "a character map or settings of its own for spaces": normalizer != SentencePieceNormalizer(),
        "pieces that are bytes or symbols": model.fallback != "none" or bool(model.symbols),
        "pieces with a space inside": any(SPACE in piece[1:] for piece in model.spelled),
        "another decoder": not isinstance(pipeline.decoder, SentencePieceDecoder),
    }
    for reason, applies in reasons.items():
        if applies:
            raise FormatError(f"{pipeline.origin} has {reason}: save it as a .model file")
    pieces = list(zip(model.vocabulary, model.scores, strict=True))
    special = tuple(
        AddedToken(id=number, content=pieces[number][0], special=True) for number in sorted(model.hidden)
    )
    return replace(
        pipeline,
        model=Unigram(pieces, unknown_id=model.unknown_id, origin=pipeline.origin),
        normalizer=NORMALIZER,
        splitter=SPLITTER,
        decoder=MetaspaceDecoder(),
        added=special,
    )
