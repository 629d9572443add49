"""Which pipelines have a compiled encoder, and which one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.models.unigram import Unigram
from cutaway.tokenization.models.wordpiece import LONGEST_WORD, WordPiece
from cutaway.tokenization.normalizers.bert import Bert
from cutaway.tokenization.normalizers.precompiled import Precompiled
from cutaway.tokenization.normalizers.sentencepiece import SPACE, SentencePieceNormalizer
from cutaway.tokenization.normalizers.unicode_forms import NFC, NFD, NFKC, NFKD
from cutaway.tokenization.sentencepiece_parts import NORMALIZER, SPLITTER
from cutaway.tokenization.splitters.bert import BertSplitter
from cutaway.tokenization.splitters.by_pattern import Split
from cutaway.tokenization.splitters.byte_level import ByteLevelSplitter
from cutaway.tokenization.splitters.metaspace import Metaspace
from cutaway.tokenization.splitters.patterns import GPT2, KNOWN, Rules
from cutaway.tokenization.splitters.plain import WhitespaceSplit
from cutaway.tokenization.splitters.sentencepiece import SentencePieceSplitter, may_cut_at_spaces
from cutaway.tokenization.splitters.sequence import SplitterSequence
from cutaway.tokenization.vocabulary import PREFIX, Vocabulary

if TYPE_CHECKING:
    from cutaway.tokenization.batch import Batch
    from cutaway.tokenization.models.blocks import Limits
    from cutaway.tokenization.models.plain_text import Normalize, ReachesOn
    from cutaway.tokenization.pipeline import Pipeline
    from cutaway.tokenization.stages import Splitter


class FastEncoder(Protocol):
    """A whole pipeline in compiled kernels."""

    def encode(
        self,
        texts: Sequence[str],
        limits: Limits,
        encode_open: Callable[[str], list[int]],
        threads: int,
    ) -> Batch:
        """Return each text's ids; what the kernels leave out is put to `encode_open`."""
        ...


def fast_encoder(pipeline: Pipeline) -> FastEncoder | None:
    """Return the compiled encoder of a pipeline, if it is one of those that there is one for.

    Args:
        pipeline: all stages but the post-processor count.
    """
    return _wordpiece(pipeline) or _byte_pairs(pipeline) or _marked_pairs(pipeline) or _unigram(pipeline)


def _wordpiece(pipeline: Pipeline) -> FastEncoder | None:
    model, normalizer = pipeline.model, pipeline.normalizer
    if not isinstance(model, WordPiece) or not isinstance(pipeline.splitter, BertSplitter):
        return None
    if not isinstance(normalizer, Bert) or not normalizer.is_uncased:
        return None
    plain = not any(
        t.normalized or t.single_word or t.lstrip or t.rstrip or not t.content for t in pipeline.added
    )
    usual = (model.prefix, model.longest_word) == (PREFIX, LONGEST_WORD)
    pieces = sorted(model.vocabulary, key=model.vocabulary.__getitem__)
    numbered = [model.vocabulary[piece] for piece in pieces] == list(range(len(pieces)))
    if not (plain and usual and numbered and all(pieces)):
        return None
    from cutaway.tokenization.models.fast_wordpiece import FastWordPiece

    special = {token.content: token.id for token in pipeline.added}
    return FastWordPiece(Vocabulary(pieces), special, model.vocabulary[model.unknown])


def _byte_pairs(pipeline: Pipeline) -> FastEncoder | None:
    from cutaway.tokenization.models.bpe import BytePairEncoding

    model, splitter = pipeline.model, pipeline.splitter
    if not isinstance(model, BytePairEncoding) or splitter is None:
        return None
    settings = model.settings
    split = _byte_level_split(splitter)
    bytes_only = not (settings.prefix or settings.suffix or model.whole) and model.ranks is model.vocabulary
    # What these do not change of ASCII, the encoder need not ask them for.
    keeps_ascii = pipeline.normalizer is None or isinstance(pipeline.normalizer, NFC | NFD | NFKC | NFKD)
    if split is None or not (bytes_only and keeps_ascii) or settings.fallback != "none":
        return None
    from cutaway.tokenization.models.fast_bpe import Cut, FastBytePairs, spelled_bytes

    spelled = spelled_bytes(model.vocabulary)
    made = model.vocabulary if model.merges is None else dict.fromkeys(a + b for a, b in model.merges)
    if any(model.vocabulary[token] not in spelled for token in made):
        return None
    rules, add_prefix_space = split
    return FastBytePairs(pipeline, model, Cut(rules, " " if add_prefix_space else ""))


def _byte_level_split(splitter: Splitter) -> tuple[Rules, bool] | None:
    """Return the rules of a splitter's scanner, if there is one, and whether a space is put first."""
    if isinstance(splitter, ByteLevelSplitter) and splitter.use_regex:
        return KNOWN[GPT2], splitter.add_prefix_space
    if not isinstance(splitter, SplitterSequence) or len(splitter.pretokenizers) != 2:
        return None
    cut, spell = splitter.pretokenizers
    by_pattern = isinstance(cut, Split) and cut.behavior == "Isolated" and not cut.invert
    only_spells = isinstance(spell, ByteLevelSplitter) and not (spell.use_regex or spell.add_prefix_space)
    if not by_pattern or not only_spells:
        return None
    assert isinstance(cut, Split)
    rules = KNOWN.get(cut.pattern.text) if cut.pattern.kind == "regex" else None
    return None if rules is None else (rules, False)


def _marked_pairs(pipeline: Pipeline) -> FastEncoder | None:
    from cutaway.tokenization.models.bpe import BytePairEncoding

    model = pipeline.model
    if not isinstance(model, BytePairEncoding) or any(token.normalized for token in pipeline.added):
        return None
    settings = model.settings
    if settings.prefix or settings.suffix or settings.whole_words != "merged":
        return None
    # Without merges, the kernels take a token's id for its rank.
    in_order = model.merges is not None or _grow_with_ids(model.ranks, model.vocabulary)
    if not in_order:
        return None
    from cutaway.tokenization.models.fast_marked_bpe import FastMarkedPairs
    from cutaway.tokenization.models.marked_text import marked_text

    text = marked_text(pipeline.normalizer, pipeline.splitter, model.whole)
    openings = {token.content[:2] for token in pipeline.added if token.content}
    return FastMarkedPairs(model, text, sorted(openings)) if text else None


def _grow_with_ids(ranks: Mapping[str, int], ids: Mapping[str, int]) -> bool:
    merged = sorted(((ids[token], rank) for token, rank in ranks.items() if len(token) > 1))
    return all(first[1] < second[1] for first, second in pairwise(merged))


def _unigram(pipeline: Pipeline) -> FastEncoder | None:
    model, normalizer = pipeline.model, pipeline.normalizer
    if not isinstance(model, Unigram) or any(token.normalized for token in pipeline.added):
        return None
    known = _words_of_spaces(pipeline, model)
    if known is None:
        return None
    from cutaway.tokenization.models.fast_unigram import Cuts, FastUnigram
    from cutaway.tokenization.models.plain_text import PlainText

    normalize, reaches_on = known
    plain = PlainText(normalize, reaches_on)
    openings = {token.content[:2] for token in pipeline.added if token.content}
    if isinstance(normalizer, SentencePieceNormalizer):
        openings |= set(normalizer.user_defined)
    cuts: Cuts = "white space" if isinstance(normalizer, Precompiled) else "spaces"
    if _is_in_components(pipeline):
        openings.add(SPACE)  # it would be cut from the one before it
    return FastUnigram(model, plain, cuts, sorted(openings)) if plain.works else None


def _words_of_spaces(pipeline: Pipeline, model: Unigram) -> tuple[Normalize, ReachesOn] | None:
    """Return how a pipeline normalizes that puts a space before each word; None for any other."""
    normalizer, splitter = pipeline.normalizer, pipeline.splitter
    if isinstance(normalizer, SentencePieceNormalizer) and isinstance(splitter, SentencePieceSplitter):
        squeezes = normalizer.remove_extra_whitespaces and normalizer.add_dummy_prefix
        usual = normalizer.escape_whitespaces and not normalizer.whitespace_as_suffix
        cuts = may_cut_at_spaces(model.spelled) and SPACE in model.spelled
        return normalizer.mapped_alone() if squeezes and usual and cuts else None
    if _is_in_components(pipeline):
        return SentencePieceNormalizer().mapped_alone() if may_cut_at_spaces(model.spelled) else None
    if not isinstance(normalizer, Precompiled) or not isinstance(splitter, SplitterSequence):
        return None
    if splitter.pretokenizers != (WhitespaceSplit(), Metaspace()) or not may_cut_at_spaces(model.spelled):
        return None
    # Graphemes do not reach over ASCII characters, and ASCII is around each run of others.
    return (lambda text: normalizer.apply(AlignedText.of(text)).text), (lambda run: False)


def _is_in_components(pipeline: Pipeline) -> bool:
    return (pipeline.normalizer, pipeline.splitter) == (NORMALIZER, SPLITTER)
