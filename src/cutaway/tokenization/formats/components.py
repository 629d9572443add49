"""The stages of a pipeline as tokenizer.json writes them: objects with a "type" and the stage's settings.

A stage is a frozen dataclass, and its fields are the members of the object, so one reader and one writer
serve them all; what is special about a few stands at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from cutaway.core.errors import FormatError
from cutaway.tokenization.decoders.bytes import ByteFallback, ByteLevelDecoder
from cutaway.tokenization.decoders.sequence import DecoderSequence, Fuse
from cutaway.tokenization.decoders.spaces import MetaspaceDecoder, ReplaceDecoder, StripDecoder, SuffixDecoder
from cutaway.tokenization.decoders.wordpiece import WordPieceDecoder
from cutaway.tokenization.formats.document import Node
from cutaway.tokenization.formats.patterns import read_pattern, write_pattern
from cutaway.tokenization.normalizers.bert import Bert
from cutaway.tokenization.normalizers.byte_level import ByteLevel
from cutaway.tokenization.normalizers.lowercase import Lowercase
from cutaway.tokenization.normalizers.precompiled import Precompiled
from cutaway.tokenization.normalizers.replace import Prepend, Replace
from cutaway.tokenization.normalizers.sequence import Nmt, Sequence
from cutaway.tokenization.normalizers.strip import Strip, StripAccents
from cutaway.tokenization.normalizers.unicode_forms import NFC, NFD, NFKC, NFKD
from cutaway.tokenization.patterns import Pattern
from cutaway.tokenization.post.byte_level import ByteLevelProcessing
from cutaway.tokenization.post.families import BertProcessing, RobertaProcessing
from cutaway.tokenization.post.sequence import PostSequence
from cutaway.tokenization.post.template import Part, SpecialTokens, Template
from cutaway.tokenization.splitters.bert import BertSplitter
from cutaway.tokenization.splitters.by_pattern import Split
from cutaway.tokenization.splitters.byte_level import ByteLevelSplitter
from cutaway.tokenization.splitters.metaspace import Metaspace
from cutaway.tokenization.splitters.plain import (
    CharDelimiterSplit,
    Digits,
    FixedLength,
    Punctuation,
    Whitespace,
    WhitespaceSplit,
)
from cutaway.tokenization.splitters.sequence import SplitterSequence

Stage = Literal["normalizer", "pre_tokenizer", "post_processor", "decoder"]

KINDS: Final[Mapping[Stage, Mapping[str, type]]] = {
    "normalizer": {
        "BertNormalizer": Bert,
        "NFC": NFC,
        "NFD": NFD,
        "NFKC": NFKC,
        "NFKD": NFKD,
        "Lowercase": Lowercase,
        "Strip": Strip,
        "StripAccents": StripAccents,
        "Nmt": Nmt,
        "Replace": Replace,
        "Prepend": Prepend,
        "Precompiled": Precompiled,
        "ByteLevel": ByteLevel,
        "Sequence": Sequence,
    },
    "pre_tokenizer": {
        "BertPreTokenizer": BertSplitter,
        "ByteLevel": ByteLevelSplitter,
        "Metaspace": Metaspace,
        "Split": Split,
        "Whitespace": Whitespace,
        "WhitespaceSplit": WhitespaceSplit,
        "Punctuation": Punctuation,
        "Digits": Digits,
        "CharDelimiterSplit": CharDelimiterSplit,
        "FixedLength": FixedLength,
        "Sequence": SplitterSequence,
    },
    "post_processor": {
        "TemplateProcessing": Template,
        "BertProcessing": BertProcessing,
        "RobertaProcessing": RobertaProcessing,
        "ByteLevel": ByteLevelProcessing,
        "Sequence": PostSequence,
    },
    "decoder": {
        "WordPiece": WordPieceDecoder,
        "ByteLevel": ByteLevelDecoder,
        "ByteFallback": ByteFallback,
        "Metaspace": MetaspaceDecoder,
        "BPEDecoder": SuffixDecoder,
        "Replace": ReplaceDecoder,
        "Strip": StripDecoder,
        "Fuse": Fuse,
        "Sequence": DecoderSequence,
    },
}

_JSON_NAMES = {"cuts": "split"}  # a splitter has a method of that name
_SEQUENCES = (Sequence, SplitterSequence, PostSequence, DecoderSequence)
# Members that the reference writes, and wants to find, though they say nothing.
_ALSO_WRITTEN: Mapping[type, Mapping[str, Any]] = {
    ByteLevelDecoder: {"add_prefix_space": True, "trim_offsets": True, "use_regex": True}
}


def read_stage(node: Node, stage: Stage) -> Any:
    """Return the stage that an object describes; None for null or a missing member.

    Args:
        node: the object.
        stage: which kind of stage stands there.

    Raises:
        FormatError: a component that is not supported, or a member with a wrong value; its place is named.
    """
    if not node.given:
        return None
    name = node["type"].text()
    kind = KINDS[stage].get(name)
    if kind is None:
        node["type"].fail(f"is not supported as a {stage}: there are {', '.join(KINDS[stage])}")
    try:
        if kind in _SEQUENCES:
            (member,) = fields(kind)
            return kind(
                **{member.name: tuple(read_stage(entry, stage) for entry in _entries(node[member.name]))}
            )
        if kind is Template:
            return _read_template(node)
        return kind(**_members(kind, node))
    except FormatError as error:
        # What a stage says about itself gets the file and the place before it.
        if str(error).startswith(str(node.path)):
            raise
        raise FormatError(f"{node.path}: {node.place}: {error}") from error


def write_stage(value: Any, stage: Stage, origin: str) -> dict[str, Any] | None:
    """Return the object that describes a stage; None for None.

    Args:
        value: the stage.
        stage: which kind it is.
        origin: which tokenizer, for an error message.

    Raises:
        FormatError: tokenizer.json has no component for it.
    """
    if value is None:
        return None
    name = next((name for name, kind in KINDS[stage].items() if kind is type(value)), None)
    if name is None:
        raise FormatError(
            f"{origin}: tokenizer.json has no component for its {stage} {type(value).__name__}: "
            "save it in the format that it came in"
        )
    written: dict[str, Any] = {"type": name, **_ALSO_WRITTEN.get(type(value), {})}
    for member in fields(value):
        content = getattr(value, member.name)
        key = _JSON_NAMES.get(member.name, member.name)
        if isinstance(value, _SEQUENCES):
            written[key] = [write_stage(entry, stage, origin) for entry in content]
        elif isinstance(value, Template):
            written[key] = _written_template_member(content)
        else:
            written[key] = _written(content)
    return written


def _entries(node: Node) -> list[Node]:
    entries = list(node)
    for entry in entries:
        entry.expect(dict)
    return entries


def _members(kind: type, node: Node) -> dict[str, Any]:
    """Read each field of a dataclass by its type; a missing one has its default, if there is one."""
    hints = get_type_hints(kind)
    found: dict[str, Any] = {}
    for member in fields(kind):
        inner = node[_JSON_NAMES.get(member.name, member.name)]
        if member.name == "prepend_scheme":
            found[member.name] = _read_scheme(node)
        elif inner.given or member.default is MISSING:
            found[member.name] = _READERS.get(hints[member.name], _read_choice(hints[member.name]))(inner)
    return found


def _read_choice(hint: Any) -> Callable[[Node], Any]:
    def read(node: Node) -> Any:
        allowed = get_args(hint) if get_origin(hint) is Literal else ()
        if node.value not in allowed:
            node.fail(f"must be one of {', '.join(allowed)}")
        return node.value

    return read


def _read_named_id(node: Node) -> tuple[str, int]:
    entries = list(node)
    if len(entries) != 2:
        node.fail("must be a token and its id")
    return entries[0].text(), entries[1].number()


_READERS: Final[Mapping[Any, Callable[[Node], Any]]] = {
    str: Node.text,
    bool: Node.flag,
    bool | None: Node.flag,
    int: Node.number,
    Pattern: read_pattern,
    tuple[str, int]: _read_named_id,
}


def _read_scheme(node: Node) -> str:
    """Read when ▁ is put first; older files say it in add_prefix_space."""
    inner = node["prepend_scheme"]
    if inner.given:
        if inner.value not in ("always", "first", "never"):
            inner.fail("must be one of always, first, never")
        return inner.text()
    return "always" if node["add_prefix_space"].flag(True) else "never"


def _read_template(node: Node) -> Template:
    node["special_tokens"].expect(dict)
    special = {}
    for name in node["special_tokens"].value:
        entry = node["special_tokens"][name]
        ids, tokens = [n.number() for n in entry["ids"]], [n.text() for n in entry["tokens"]]
        if len(ids) != len(tokens):
            entry.fail("must have as many ids as tokens")
        special[name] = SpecialTokens(ids=tuple(ids), tokens=tuple(tokens))
    single, pair = (tuple(_read_part(entry) for entry in node[name]) for name in ("single", "pair"))
    return Template(single=single, pair=pair, special_tokens=special)


def _read_part(node: Node) -> Part:
    for key, kind in (("Sequence", "text"), ("SpecialToken", "special")):
        inner = node[key]
        if inner.given:
            name, segment = inner["id"].text(), inner["type_id"].number()
            return Part(kind="text" if kind == "text" else "special", name=name, type_id=segment)
    return node.fail("must have a Sequence or a SpecialToken")


def _written(content: Any) -> Any:
    if isinstance(content, Pattern):
        return write_pattern(content)
    return list(content) if isinstance(content, tuple) else content


def _written_template_member(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {
            name: {"id": name, "ids": list(known.ids), "tokens": list(known.tokens)}
            for name, known in content.items()
        }
    names = {"text": "Sequence", "special": "SpecialToken"}
    return [{names[part.kind]: {"id": part.name, "type_id": part.type_id}} for part in content]
