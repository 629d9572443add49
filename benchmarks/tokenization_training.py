"""Training rows of room 1's benchmark: byte pairs, WordPiece and Unigram against `tokenizers`."""

from __future__ import annotations

from cutaway.tokenization.splitters.patterns import LLAMA3
from cutaway.tokenization.tokenizer import Tokenizer
from tokenization_measuring import Row, compared, megabytes, named, reviews, speed_row


def training() -> list[Row]:
    import tokenizers
    from tokenizers import Regex, models, pre_tokenizers, trainers

    texts, size = reviews(), megabytes(reviews())

    def byte_pairs() -> object:
        theirs = tokenizers.Tokenizer(models.BPE())
        theirs.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=16_000, min_frequency=2, initial_alphabet=alphabet, show_progress=False
        )
        theirs.train_from_iterator(texts, trainer)
        return theirs

    def pieces() -> object:
        theirs = tokenizers.BertWordPieceTokenizer()
        theirs.train_from_iterator(texts, vocab_size=16_000, show_progress=False)
        return theirs

    peer = named("tokenizers")
    found = compared(lambda: Tokenizer.train(texts), {peer: byte_pairs}, 3)
    others = compared(lambda: Tokenizer.train(texts, model="wordpiece"), {peer: pieces}, 3)

    def unigrams() -> object:
        theirs = tokenizers.Tokenizer(models.Unigram())
        theirs.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=8000, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
        )
        theirs.train_from_iterator(texts, trainer)
        return theirs

    slow = compared(lambda: Tokenizer.train(texts, model="unigram", vocab_size=8000), {peer: unigrams}, 1)
    return [
        speed_row(f"training Unigram, {size:.1f} MB to 8,000", slow, size),
        speed_row(f"training byte pairs, {size:.1f} MB to 16,000", found, size),
        speed_row(f"training WordPiece, {size:.1f} MB to 16,000", others, size),
    ]
