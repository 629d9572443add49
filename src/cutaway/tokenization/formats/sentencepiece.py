"""A SentencePiece .model file: pieces with scores and kinds, and how text is normalized, in one message.

Source: Kudo and Richardson 2018, arXiv:1808.06226, section 3; field numbers are those of the published
sentencepiece_model.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from cutaway.core.errors import FormatError
from cutaway.core.files import whole_file
from cutaway.tokenization.decoders.sentencepiece import SentencePieceDecoder
from cutaway.tokenization.formats.protobuf import Message, Value, message
from cutaway.tokenization.models.bpe import BytePairEncoding, BytePairSettings
from cutaway.tokenization.models.unigram import Unigram
from cutaway.tokenization.normalizers.sentencepiece import SPACE, SentencePieceNormalizer
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.splitters.sentencepiece import SentencePieceSplitter, may_cut_at_spaces
from cutaway.tokenization.stages import Model

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
UNIGRAM, BPE, CHAR = 1, 2, 4

# The fields of the messages, by number.
_PIECES, _TRAINER, _NORMALIZER, _DENORMALIZER = 1, 2, 3, 5
_PIECE, _SCORE, _KIND = 1, 2, 3
_MODEL_TYPE, _AS_SUFFIX, _BYTE_FALLBACK, _UNKNOWN_ID, _UNKNOWN_SURFACE = 3, 24, 35, 40, 44
_NAME, _CHARSMAP, _DUMMY, _SQUEEZED, _ESCAPED = range(1, 6)
_SURFACE: Final = " \u2047 "


class Scored(NamedTuple):
    """A piece, its score and its kind."""

    text: str
    score: float
    kind: int


def read_sentencepiece(path: Path) -> Pipeline:
    """Read a .model file as a pipeline.

    Args:
        path: the file.

    Raises:
        FormatError: the file is damaged, or asks for something that is not supported; it is named.
    """
    whole = Message(path.read_bytes(), str(path))
    pieces = [_scored(Message(raw, f"{path}: piece {at}")) for at, raw in enumerate(_messages(whole, path))]
    if not pieces:
        raise FormatError(f"{path} has no pieces: it is not a SentencePiece model")
    trainer = Message(whole.raw(_TRAINER), f"{path}: trainer_spec")
    rules = Message(whole.raw(_NORMALIZER), f"{path}: normalizer_spec")
    if Message(whole.raw(_DENORMALIZER), f"{path}: denormalizer_spec").raw(_CHARSMAP):
        raise FormatError(f"{path}: a denormalizer_spec with a map is not supported")
    named = tuple(piece.text for piece in pieces if piece.kind == USER_DEFINED)
    normalizer = SentencePieceNormalizer(
        charsmap=rules.raw(_CHARSMAP),
        add_dummy_prefix=bool(rules.number(_DUMMY, 1)),
        remove_extra_whitespaces=bool(rules.number(_SQUEEZED, 1)),
        escape_whitespaces=bool(rules.number(_ESCAPED, 1)),
        whitespace_as_suffix=bool(trainer.number(_AS_SUFFIX, 0)),
        user_defined=named,
    )
    unknown = [piece.text for piece in pieces if piece.kind == UNKNOWN]
    if len(unknown) != 1:
        raise FormatError(f"{path} has {len(unknown)} pieces for the unknown: it must have one")
    spelled = [piece.text for piece in pieces if piece.kind in (NORMAL, UNUSED)]
    cuts = may_cut_at_spaces(spelled) and SPACE in spelled and not normalizer.whitespace_as_suffix
    # Sums of a Unigram model run on over the words, and where two ways are nearly equal, rounding decides.
    cuts = cuts and trainer.number(_MODEL_TYPE, UNIGRAM) != UNIGRAM
    return Pipeline(
        model=_model(pieces, trainer, unknown[0], str(path)),
        normalizer=normalizer,
        splitter=SentencePieceSplitter(user_defined=named, at_spaces="cut" if cuts else "whole"),
        decoder=SentencePieceDecoder(
            dummy_prefix=normalizer.add_dummy_prefix,
            squeezed=normalizer.remove_extra_whitespaces,
            unknown=unknown[0],
            unknown_surface=trainer.text(_UNKNOWN_SURFACE, _SURFACE),
        ),
        origin=str(path),
    )


def write_sentencepiece(pipeline: Pipeline, path: Path) -> None:
    """Write a .model file; it is whole or absent.

    Args:
        pipeline: one that was read from such a file, or is built as one.
        path: the file.

    Raises:
        FormatError: the pipeline has a stage that such a file cannot hold.
        ResourceError: the disk is full or the folder cannot be written.
    """
    model, rules, decoder = pipeline.model, pipeline.normalizer, pipeline.decoder
    held = isinstance(rules, SentencePieceNormalizer) and isinstance(decoder, SentencePieceDecoder)
    if not held or pipeline.post is not None or pipeline.added:
        raise FormatError(
            f"{pipeline.origin}: a .model file holds SentencePiece's own normalizer and model, without added "
            "tokens: save it as tokenizer.json"
        )
    assert isinstance(rules, SentencePieceNormalizer)
    assert isinstance(decoder, SentencePieceDecoder)
    fallback: str
    pieces = _pieces_of(model, rules, decoder.unknown, pipeline.origin)
    if isinstance(model, Unigram):
        kind, fallback = UNIGRAM, model.fallback
    elif isinstance(model, BytePairEncoding):
        kind, fallback = (BPE if model.ranks else CHAR), model.settings.fallback
    else:
        raise FormatError(f"{pipeline.origin}: a .model file has no model like {type(model).__name__}")
    trainer: list[tuple[int, Value]] = [
        (_MODEL_TYPE, kind),
        (_AS_SUFFIX, int(rules.whitespace_as_suffix)),
        (_BYTE_FALLBACK, int(fallback == "bytes")),
        (_UNKNOWN_ID, [piece.kind for piece in pieces].index(UNKNOWN)),
        (_UNKNOWN_SURFACE, decoder.unknown_surface.encode()),
    ]
    normalizing: list[tuple[int, Value]] = [
        (_NAME, b"user_defined"),
        (_CHARSMAP, rules.charsmap),
        (_DUMMY, int(rules.add_dummy_prefix)),
        (_SQUEEZED, int(rules.remove_extra_whitespaces)),
        (_ESCAPED, int(rules.escape_whitespaces)),
    ]
    written: list[tuple[int, Value]] = [
        (_PIECES, message([(_PIECE, text.encode()), (_SCORE, float(score)), (_KIND, kind)]))
        for text, score, kind in pieces
    ]
    with whole_file(path) as part:
        part.write_bytes(
            message([*written, (_TRAINER, message(trainer)), (_NORMALIZER, message(normalizing))])
        )


def _messages(whole: Message, path: Path) -> list[bytes]:
    found = [value for value in whole.all(_PIECES) if isinstance(value, bytes)]
    if len(found) != len(whole.all(_PIECES)):
        raise FormatError(f"{path} is not a SentencePiece model: its pieces are no messages")
    return found


def _scored(piece: Message) -> Scored:
    return Scored(piece.text(_PIECE, ""), piece.real(_SCORE, 0.0), piece.number(_KIND, NORMAL))


def _model(pieces: list[Scored], trainer: Message, unknown: str, origin: str) -> Model:
    kind = trainer.number(_MODEL_TYPE, UNIGRAM)
    fallback = "bytes" if trainer.number(_BYTE_FALLBACK, 0) else "none"
    kinds: Mapping[int, frozenset[int]] = {
        wanted: frozenset(at for at, piece in enumerate(pieces) if piece.kind == wanted)
        for wanted in range(NORMAL, BYTE + 1)
    }
    if kind == UNIGRAM:
        return Unigram(
            [(piece.text, piece.score) for piece in pieces],
            unknown_id=min(kinds[UNKNOWN]),
            fallback="bytes" if fallback == "bytes" else "none",
            hidden=kinds[UNKNOWN] | kinds[CONTROL] | kinds[UNUSED] | kinds[BYTE],
            symbols=kinds[USER_DEFINED],
            precision="single",
            origin=origin,
        )
    vocabulary = {piece.text: at for at, piece in enumerate(pieces)}
    if len(vocabulary) != len(pieces):
        raise FormatError(
            f"{origin}: {len(pieces) - len(vocabulary)} pieces stand twice: each needs its own id"
        )
    if kind not in (BPE, CHAR):
        raise FormatError(
            f"{origin}: model_type {kind} is not supported: there are 1 (Unigram), 2 (BPE) and 4 (characters)"
        )
    if kinds[UNUSED]:
        raise FormatError(f"{origin}: {len(kinds[UNUSED])} unused pieces are not supported in a BPE model")
    settings = BytePairSettings(unknown=unknown, unknowns="together", fallback=fallback)
    scores = sorted({pieces[at].score for at in kinds[NORMAL]}, reverse=True)
    places = {score: place for place, score in enumerate(scores)}
    ranks = {pieces[at].text: places[pieces[at].score] for at in kinds[NORMAL]} if kind == BPE else {}
    symbols = frozenset(pieces[at].text for at in kinds[USER_DEFINED])
    return BytePairEncoding(vocabulary, None, settings, ranks=ranks, symbols=symbols, origin=origin)


def _pieces_of(model: Model, rules: SentencePieceNormalizer, unknown: str, origin: str) -> list[Scored]:
    named = frozenset(rules.user_defined)
    ranks: Mapping[str, int] = {}
    if isinstance(model, BytePairEncoding):
        if model.merges is not None:
            raise FormatError(
                f"{origin}: a .model file has ranks, not a list of merges: save it as tokenizer.json"
            )
        ranks = model.ranks
    found = []
    for text, number in sorted(model.vocabulary.items(), key=lambda entry: entry[1]):
        score = model.scores[number] if isinstance(model, Unigram) else -float(ranks.get(text, 0))
        kind = NORMAL
        if text == unknown:
            kind = UNKNOWN
        elif text in named:
            kind = USER_DEFINED
        elif len(text) == len("<0x00>") and text.startswith("<0x"):
            kind = BYTE
        elif _is_control(model, text, number, ranks):
            kind = CONTROL
        found.append(Scored(text, score, kind))
    return found


def _is_control(model: Model, text: str, number: int, ranks: Mapping[str, int]) -> bool:
    if isinstance(model, Unigram):
        return number in model.hidden
    return text not in ranks and (bool(ranks) or len(text) > 1)
