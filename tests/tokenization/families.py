"""One small tokenizer.json a family, made by the reference library with the components that family ships with.

The vocabularies are trained on a few lines, here and now; what a family is, is its normalizer, its split, its
decoder, its special tokens, and these are the published ones.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

TEXTS = [
    "The cat sat on the mat, didn't it? I don't think we'll know; they're not sure he'd say so.",
    "Attention is all you need: 1234567890 tokens, 3.14 or 2,718.28 – naïve café, Ångström, Zürich.",
    "    def main():\n        print('hello  world')\n\n\n\treturn x_1 + y2\r\n",
    "Привет, мир! Как дела? Ёжик и Йога. Γειά σου Κόσμε, Σίσυφος. שלום עולם مرحبا بالعالم हिन्दी में",
    "日本語のテキスト、カタカナとひらがな。你好世界,我们学习。 안녕하세요 세계 각각 ﬁne ½ ① ﷺ",
    "THE END. The unaffable theories of the others are there, then, and thereafter. 😀 👩‍🚀 🇩🇪 e\u0301",
] * 4

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


@cache
def charsmap() -> bytes:
    """SentencePiece's own map for NFKC as machine translation uses it."""
    from tests.oracles.sentencepiece_proto import member

    return member(member(sentencepiece_model("unigram"), 3), 2)


@cache
def sentencepiece_model(kind: str, **options: Any) -> bytes:
    """A .model file's content, trained on the lines above."""
    import sentencepiece

    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_writer=out,
        vocab_size=options.pop("vocab_size", 400 if kind == "unigram" else 500),
        model_type=kind,
        **({"hard_vocab_limit": False} if kind == "unigram" else {}),
        minloglevel=5,
        **options,
    )
    return out.getvalue()


def _byte_level(vocab_size: int = 600) -> Tokenizer:
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"],
    )
    found.train_from_iterator(TEXTS, trainer)
    return found


def bare(found: Tokenizer) -> Tokenizer:
    """The same model without what training left around it."""
    import json

    document = json.loads(found.to_str())
    document["added_tokens"] = []
    return Tokenizer.from_str(json.dumps(document))


def bert_cased() -> Tokenizer:
    found = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    found.normalizer = normalizers.BertNormalizer(lowercase=False)
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    found.train_from_iterator(
        TEXTS, trainers.WordPieceTrainer(vocab_size=500, special_tokens=special, show_progress=False)
    )
    found.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    found.decoder = decoders.WordPiece()
    return found


def gpt2() -> Tokenizer:
    found = bare(_byte_level())
    found.add_special_tokens(["<|endoftext|>"])
    found.post_processor = processors.ByteLevel(trim_offsets=False)
    found.decoder = decoders.ByteLevel()
    return found


def roberta() -> Tokenizer:
    found = bare(_byte_level())
    plain = ["<s>", "<pad>", "</s>", "<unk>"]
    found.add_special_tokens([*plain, AddedToken("<mask>", lstrip=True, normalized=False)])
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    found.post_processor = processors.RobertaProcessing(
        ("</s>", found.token_to_id("</s>")), ("<s>", found.token_to_id("<s>"))
    )
    found.decoder = decoders.ByteLevel()
    return found


def _split_bytes(found: Tokenizer, pattern: str) -> None:
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    found.decoder = decoders.ByteLevel()


def llama3() -> Tokenizer:
    found = bare(_byte_level())
    found.model.ignore_merges = True
    found.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    _split_bytes(found, LLAMA3)
    start = ("<|begin_of_text|>", found.token_to_id("<|begin_of_text|>"))
    found.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True, add_prefix_space=True),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                special_tokens=[start],
            ),
        ]
    )
    return found


def qwen2() -> Tokenizer:
    found = bare(_byte_level())
    found.normalizer = normalizers.NFC()
    found.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    found.add_tokens([AddedToken("<tool_call>", normalized=False)])
    _split_bytes(found, QWEN)
    found.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False)
    return found


def _metaspace_bpe(**options: Any) -> Tokenizer:
    special = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    found = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True, **options))
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=special, limit_alphabet=90, show_progress=False
    )
    found.train_from_iterator(TEXTS, trainer)
    found = bare(found)
    found.add_special_tokens(["<pad>", "<eos>", "<bos>", "<unk>"])
    return found


def gemma() -> Tokenizer:
    found = _metaspace_bpe()
    found.normalizer = normalizers.Replace(" ", "▁")
    found.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    found.add_tokens([AddedToken("<start_of_turn>", normalized=False), "\n\n", "▁▁▁▁"])
    found.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    found.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A <bos>:1 $B:1", special_tokens=[("<bos>", 2)]
    )
    return found


def llama2() -> Tokenizer:
    found = _metaspace_bpe()
    found.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    found.pre_tokenizer = None  # type: ignore[assignment]
    found.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    found.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A <bos>:1 $B:1", special_tokens=[("<bos>", 2)]
    )
    return found


def mistral() -> Tokenizer:
    found = llama2()
    found.normalizer = None  # type: ignore[assignment]
    found.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return found


def _unigram(special: list[str]) -> Tokenizer:
    found = Tokenizer(models.Unigram())
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=400, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    found.train_from_iterator(TEXTS, trainer)
    found = bare(found)
    found.normalizer = normalizers.Precompiled(charsmap())
    found.decoder = decoders.Metaspace()
    return found


def t5() -> Tokenizer:
    found = _unigram(["<pad>", "</s>", "<unk>"])
    found.add_special_tokens(["<pad>", "</s>", "<unk>"])
    found.add_special_tokens([f"<extra_id_{number}>" for number in range(3, -1, -1)])
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    found.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return found


def xlm_roberta() -> Tokenizer:
    found = _unigram(["<s>", "<pad>", "</s>", "<unk>"])
    found.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)])
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    found.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return found


def albert() -> Tokenizer:
    found = _unigram(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"])
    mask = AddedToken("[MASK]", lstrip=True, normalized=True, special=True)
    found.add_special_tokens(["<pad>", "<unk>", "[CLS]", "[SEP]", mask])
    found.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("``", '"'),
            normalizers.Replace("''", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Precompiled(charsmap()),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    found.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return found


def clip() -> Tokenizer:
    found = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    found.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    special = ["<|startoftext|>", "<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        special_tokens=special,
        show_progress=False,
    )
    found.train_from_iterator(TEXTS, trainer)
    found.post_processor = processors.RobertaProcessing(
        ("<|endoftext|>", 1), ("<|startoftext|>", 0), add_prefix_space=False
    )
    found.decoder = decoders.BPEDecoder()
    return found


def words() -> Tokenizer:
    found = Tokenizer(models.WordLevel(unk_token="<unk>"))
    found.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Strip()])
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]
    )
    trainer = trainers.WordLevelTrainer(special_tokens=["<unk>"], show_progress=False)
    found.train_from_iterator(TEXTS, trainer)
    found.add_tokens(
        [
            AddedToken("cat", single_word=True, rstrip=True),
            AddedToken("Sat", single_word=True, normalized=True),
            AddedToken("[X]", lstrip=True, rstrip=True),
        ]
    )
    return found


FAMILIES: dict[str, Callable[[], Tokenizer]] = {
    maker.__name__: maker
    for maker in (
        bert_cased,
        gpt2,
        roberta,
        llama3,
        qwen2,
        gemma,
        llama2,
        mistral,
        t5,
        xlm_roberta,
        albert,
        clip,
        words,
    )
}
