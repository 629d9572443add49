"""tokenizer.json: a whole pipeline in one document, as the reference tokenizers read and write it.

Every component is read as what it says or named in an error, so that no file is taken for something that it
is not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cutaway.core.files import write_text
from cutaway.tokenization.added import AddedToken
from cutaway.tokenization.checking import all_tokens
from cutaway.tokenization.formats.components import read_stage, write_stage
from cutaway.tokenization.formats.document import Node, read_document
from cutaway.tokenization.formats.models_json import read_model, write_model
from cutaway.tokenization.pipeline import Padding, Pipeline
from cutaway.tokenization.sentencepiece_parts import in_components
from cutaway.tokenization.truncation import Strategy, Truncation

_STRATEGIES: dict[str, Strategy] = {
    "LongestFirst": "longest_first",
    "OnlyFirst": "only_first",
    "OnlySecond": "only_second",
}
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def read_tokenizer_json(path: Path) -> Pipeline:
    """Read a tokenizer.json.

    Args:
        path: the file.

    Raises:
        FormatError: not JSON, a component that is not supported, a wrong value, or a damaged vocabulary; the
            message names the place in the document.
    """
    document = read_document(path)
    added = document["added_tokens"]
    pipeline = Pipeline(
        model=read_model(document["model"]),
        normalizer=read_stage(document["normalizer"], "normalizer"),
        splitter=read_stage(document["pre_tokenizer"], "pre_tokenizer"),
        post=read_stage(document["post_processor"], "post_processor"),
        decoder=read_stage(document["decoder"], "decoder"),
        added=tuple(_read_added(entry) for entry in added) if added.given else (),
        truncation=_read_truncation(document["truncation"]),
        padding=_read_padding(document["padding"]),
        origin=str(path),
    )
    _check_post(pipeline, document)
    return pipeline


def write_tokenizer_json(pipeline: Pipeline, path: Path) -> None:
    """Write a tokenizer.json.

    Args:
        pipeline: the stages.
        path: the file.

    Raises:
        FormatError: a stage has no component in this format.
        ResourceError: the disk is full or the folder cannot be written.
    """
    origin, pipeline = pipeline.origin, in_components(pipeline)
    document = {
        "version": "1.0",
        "truncation": _written_truncation(pipeline.truncation),
        "padding": _written_padding(pipeline.padding),
        "added_tokens": [
            {"id": token.id, "content": token.content, **{flag: getattr(token, flag) for flag in _FLAGS}}
            for token in sorted(pipeline.added, key=lambda token: token.id)
        ],
        "normalizer": write_stage(pipeline.normalizer, "normalizer", origin),
        "pre_tokenizer": write_stage(pipeline.splitter, "pre_tokenizer", origin),
        "post_processor": write_stage(pipeline.post, "post_processor", origin),
        "decoder": write_stage(pipeline.decoder, "decoder", origin),
        "model": write_model(pipeline.model, origin),
    }
    write_text(path, json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def _read_added(node: Node) -> AddedToken:
    content = node["content"].text()
    if not content:
        node["content"].fail("must not be empty")
    flags = {flag: node[flag].flag(False) for flag in _FLAGS}
    return AddedToken(id=node["id"].number(), content=content, **flags)


def _check_post(pipeline: Pipeline, document: Node) -> None:
    """Every id that is put around a text must be the id of a token."""
    if pipeline.post is None:
        return
    tokens = all_tokens(pipeline)
    for texts in (1, 2):
        from cutaway.tokenization.encoding import Encoding

        for part in pipeline.post.process([Encoding()] * texts, special=True):
            for token, number in zip(part.tokens, part.ids, strict=True):
                if tokens.ids.get(token) != number:
                    document["post_processor"].fail(
                        f"puts in {token!r} with id {number}, which is not its id"
                    )


def _read_truncation(node: Node) -> Truncation | None:
    if not node.given:
        return None
    strategy, direction = node["strategy"], node["direction"]
    if strategy.value not in _STRATEGIES:
        strategy.fail(f"must be one of {', '.join(_STRATEGIES)}")
    if direction.given and direction.value not in ("Right", "Left"):
        direction.fail("must be Right or Left")
    return Truncation(
        most=node["max_length"].number(),
        strategy=_STRATEGIES[strategy.value],
        stride=node["stride"].number(0),
        side="left" if direction.value == "Left" else "right",
    )


def _written_truncation(rule: Truncation | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    names = {ours: theirs for theirs, ours in _STRATEGIES.items()}
    return {
        "direction": rule.side.capitalize(),
        "max_length": rule.most,
        "strategy": names[rule.strategy],
        "stride": rule.stride,
    }


def _read_padding(node: Node) -> Padding | None:
    if not node.given:
        return None
    strategy, direction, multiple = node["strategy"], node["direction"], node["pad_to_multiple_of"]
    length = None
    if strategy.value != "BatchLongest":
        length = strategy["Fixed"].number()
    if direction.value not in ("Right", "Left"):
        direction.fail("must be Right or Left")
    return Padding(
        pad_id=node["pad_id"].number(),
        pad_token=node["pad_token"].text(),
        pad_type_id=node["pad_type_id"].number(),
        side="left" if direction.value == "Left" else "right",
        multiple=max(multiple.number(1), 1),
        length=length,
    )


def _written_padding(rule: Padding | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    return {
        "strategy": "BatchLongest" if rule.length is None else {"Fixed": rule.length},
        "direction": rule.side.capitalize(),
        "pad_to_multiple_of": None if rule.multiple == 1 else rule.multiple,
        "pad_id": rule.pad_id,
        "pad_type_id": rule.pad_type_id,
        "pad_token": rule.pad_token,
    }
