"""Small computations, room by room, that pass through every line with a shape comment.

Sizes differ wherever they may, so that a comment that swaps two letters is found out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from cutaway.transformers.packing import PackedBatch

ROWS = [np.array([3, 1, 4]), np.array([5, 2]), np.array([6, 5, 3, 5]), np.array([1, 1])]


def run_transformers() -> None:
    import torch

    from cutaway.transformers.attention import attend, attend_fast
    from cutaway.transformers.block import Block
    from cutaway.transformers.config import BlockConfig
    from cutaway.transformers.masks import cross_mask
    from cutaway.transformers.packing import PackedBatch
    from cutaway.transformers.positions import sinusoids
    from cutaway.transformers.sight import Across, Within

    torch.manual_seed(0)
    bert = small_bert()
    batch = PackedBatch.from_rows(ROWS)
    bert.pool(bert(batch), batch)
    bert(batch.laid_out())
    bert.embed(batch)
    with torch.no_grad():
        bert.infer(batch)
        bert.embed(PackedBatch.from_rows(ROWS * 40))
        bert.infer(PackedBatch.from_rows(ROWS * 40), precision="int8")
        run_whole_numbers(PackedBatch.from_rows(ROWS * 40))
    bert(PackedBatch.from_rows(ROWS, types=[row * 0 for row in ROWS]))
    bert.encode(torch.ones(2, 3, dtype=torch.long), torch.tensor([[1, 1, 1], [1, 0, 0]]))
    bert.trace([3, 1, 4, 1, 5], tokens=list("abcde"))
    attend(torch.ones(2, 3, 5, 4), torch.ones(2, 3, 6, 4), torch.ones(2, 3, 6, 7))
    attend(torch.ones(2, 3, 5, 4), torch.ones(2, 3, 5, 4), torch.ones(2, 3, 5, 4), causal=True)
    mask = cross_mask(torch.tensor([2, 5]), 3, 5)
    attend_fast(
        torch.ones(2, 3, 3, 4), torch.ones(2, 3, 5, 4), torch.ones(2, 3, 5, 4), mask=mask, causal=True
    )
    sinusoids(3, 6)
    config = BlockConfig(
        width=8, heads=2, feed_forward=13, activation="swiglu", places="rotary", sees="own row and a source"
    )
    sources, encoded = PackedBatch.from_rows(ROWS[::-1]), torch.ones(11, 8)
    across = Across(targets=batch, sources=sources, encoded=encoded)
    Block(config)(torch.ones(11, 8), Within(batch=batch, sees="up to itself"), across)
    padded = Across(targets=batch.laid_out(), sources=sources.laid_out(), encoded=encoded)
    Block(config)(torch.ones(11, 8), Within(batch=batch, sees="up to itself"), padded)
    run_block_training()
    run_generation()
    run_pretraining()
    run_explanations()


def run_block_training() -> None:
    import torch

    from cutaway.transformers.block import Block
    from cutaway.transformers.config import BlockConfig
    from cutaway.transformers.packing import PackedBatch

    block = Block(BlockConfig(width=8, heads=2, feed_forward=13)).train()
    batch = PackedBatch.from_rows([np.zeros(300, dtype=np.int64)] * 4)
    block(torch.ones(1200, 8, requires_grad=True), batch).sum().backward()


def run_whole_numbers(batch: PackedBatch) -> None:
    import torch

    from cutaway.transformers.block import Block
    from cutaway.transformers.config import BlockConfig
    from cutaway.transformers.int16 import Int16Block, read_in_pieces
    from cutaway.transformers.prepared import _parts_of

    block = Block(BlockConfig(width=32, heads=2, feed_forward=48)).eval()
    read_in_pieces([Int16Block(block, _parts_of(block))], torch.ones(len(batch.ids), 32), batch)


def run_explanations() -> None:
    import torch

    from cutaway.transformers.ablation import switchboard
    from cutaway.transformers.attributions import gradient_times_input, integrated_gradients
    from cutaway.transformers.config import BlockConfig, GptConfig, TransformerConfig
    from cutaway.transformers.gpt import Gpt
    from cutaway.transformers.ledger import head_pairs, ledger
    from cutaway.transformers.question import pull_norm
    from cutaway.transformers.questions import why_label, why_mean, why_next
    from cutaway.transformers.rollout import rollout
    from cutaway.transformers.seq2seq import Transformer
    from cutaway.transformers.tasks import SequenceLabels

    ids = np.array([3, 1, 4, 1, 5])
    bert = small_bert()
    label = why_label(SequenceLabels(bert, ("x", "y", "z")).eval(), ids, "y")
    trace = label.trace()
    entries = ledger(label, trace)
    head_pairs(label, trace, entries, layer=1, head=0)
    switchboard(label, replacement="mean")
    gradient_times_input(label)
    integrated_gradients(label)
    rollout(trace)
    why_mean(bert, ids, torch.nn.Linear(8, 3), 1)
    pull_norm(torch.nn.LayerNorm(8), torch.ones(5, dtype=torch.double), torch.ones(5, 8, dtype=torch.double))
    block = BlockConfig(width=8, heads=2, feed_forward=13, order="pre", activation="swiglu", places="rotary")
    gpt = Gpt(GptConfig(vocabulary=23, positions=16, layers=2, block=block)).eval()
    ledger(why_next(gpt, ids, 4))
    sizes = {"vocabulary": 23, "positions": 16, "layers": 2, "decoder_layers": 2}
    plain = BlockConfig(width=8, heads=2, feed_forward=13)
    translator = Transformer(TransformerConfig(**sizes, block=plain, start=0, end=1, pad=0)).eval()
    translator.trace([3, 4, 1], [0, 5, 6, 7])


def run_pretraining() -> None:
    import torch

    from cutaway.transformers.config import BlockConfig, TransformerConfig
    from cutaway.transformers.packing import PackedBatch
    from cutaway.transformers.pretraining.distillation import DistillationSettings, distillation_loss, halve
    from cutaway.transformers.pretraining.masked_words import masked_word_loss
    from cutaway.transformers.pretraining.masking import MaskedBatch
    from cutaway.transformers.pretraining.next_sentence import WordsAndNextSentence
    from cutaway.transformers.pretraining.translation import pack_pairs, translation_loss
    from cutaway.transformers.seq2seq import Transformer
    from cutaway.transformers.tasks import MaskedWords

    masked = MaskedBatch(
        batch=PackedBatch.from_rows(ROWS), places=torch.tensor([1, 4, 7]), words=torch.tensor([9, 10, 11])
    )
    teacher = MaskedWords(small_bert())
    masked_word_loss(teacher, masked)
    distillation_loss(halve(teacher), teacher, masked, DistillationSettings())
    WordsAndNextSentence(small_bert()).loss(masked, torch.tensor([0, 1, 1, 0]))
    sizes = {"vocabulary": 23, "positions": 16, "layers": 2, "decoder_layers": 2}
    plain = BlockConfig(width=8, heads=2, feed_forward=13)
    config = TransformerConfig(**sizes, block=plain, start=0, end=1, pad=0)
    translation_loss(Transformer(config), pack_pairs(ROWS[:3], ROWS[1:], config))


def run_generation() -> None:
    import torch

    from cutaway.transformers.config import BlockConfig, GptConfig, TransformerConfig
    from cutaway.transformers.gpt import Gpt
    from cutaway.transformers.kept import KeptSource
    from cutaway.transformers.packing import PackedBatch
    from cutaway.transformers.sampling import Sampling
    from cutaway.transformers.seq2seq import Transformer
    from cutaway.transformers.tasks import MaskedWords, SequenceLabels, TokenLabels

    sizes = {"vocabulary": 23, "positions": 16, "layers": 2, "decoder_layers": 2}
    plain = BlockConfig(width=8, heads=2, feed_forward=13)
    translator = Transformer(TransformerConfig(**sizes, block=plain, start=0, end=1, pad=0)).eval()
    translator(PackedBatch.from_rows(ROWS), PackedBatch.from_rows(ROWS))
    translator.translate([[3, 4, 1]])
    for task in (MaskedWords, SequenceLabels, TokenLabels):
        task(small_bert(), ("x", "y", "z"))(PackedBatch.from_rows(ROWS))
    block = BlockConfig(width=8, heads=2, feed_forward=13, order="pre")
    gpt = Gpt(GptConfig(vocabulary=23, positions=16, layers=2, block=block)).eval()
    gpt(PackedBatch.from_rows(ROWS))
    gpt.generate([1, 2, 3], tokens=2, sampling=Sampling(top_k=5))
    KeptSource(torch.ones(5, 8)).look(torch.ones(3, 8), gpt.blocks[0])


def run_training() -> None:
    import torch

    from cutaway.training.int16_products import lay_out, multiply
    from cutaway.training.word_loss import word_loss

    multiply(np.ones((3, 5), np.float32), lay_out(np.ones((7, 5), np.float32)))
    hidden, table = torch.ones(5, 8, requires_grad=True), torch.ones(23, 8)
    word_loss(hidden, table, torch.zeros(23), torch.tensor([1, 2, 3, 4, 5]), smoothing=0.1)


def run_recurrent() -> None:
    import torch

    from cutaway.recurrent.attention_layer import AttentionLayer
    from cutaway.recurrent.backward import trace_backward
    from cutaway.recurrent.classifier import ClassifierSettings, SequenceClassifier
    from cutaway.recurrent.evaluate import Examples, evaluate
    from cutaway.recurrent.gradients import GradientSettings, measure_gradients
    from cutaway.recurrent.gru import GRU
    from cutaway.recurrent.lineage import lineage
    from cutaway.recurrent.lstm import LSTM
    from cutaway.recurrent.memory_tasks import MemoryTask
    from cutaway.recurrent.ragged import pack
    from cutaway.recurrent.rnn import RNN
    from cutaway.recurrent.rows import Override
    from cutaway.recurrent.seq2seq import Seq2Seq
    from cutaway.recurrent.seq2seq_settings import Seq2SeqSettings
    from cutaway.recurrent.what_if import what_if

    table = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    for pooling in ("max", "attention"):
        settings = ClassifierSettings(labels=("a", "b", "c"), hidden=5, word_dropout=0.5, pooling=pooling)
        model = SequenceClassifier(settings, table).train()
        model(ROWS)
    evaluate(model, Examples(rows=ROWS, truth=np.array([0, 2, 1, 0])))
    model.trace(np.array([1, 2, 3, 4, 5, 6]))
    for layer in (RNN, GRU, LSTM):
        stacked = layer(4, 3, layers=2, directions="both")
        trace_backward(stacked, torch.ones(7, 4), torch.ones(7, 6))
        layer(4, 3)(torch.ones(2, 6, 4))
        layer(4, 3)(pack([torch.ones(6, 4), torch.ones(2, 4)]))
    lineage(LSTM(4, 3).trace(torch.ones(6, 4)))
    what_if(GRU(4, 3), torch.ones(6, 4), [Override(gate="update_gate", step=1, unit=2, value=1.0)])
    AttentionLayer(5, 8, heads=2)(torch.ones(2, 6, 5))
    measure_gradients(GradientSettings(steps=5, units=8, radii=(1.0,), sequences=2))
    for name in ("adding", "copy"):
        MemoryTask(name=name, distance=7, symbols=4).batch(3, torch.Generator())
    sizes = {"vocabulary": 23, "embedding": 4, "encoder": 3, "start": 0, "end": 1, "pad": 2}
    for fields in ({}, {"attention": "dot", "hidden": 6}, {"attention": "general"}, {"decoder": "context"}):
        pair = Seq2Seq(Seq2SeqSettings(**{"hidden": 5, **sizes, **fields}))
        pair.loss(ROWS, ROWS[::-1])
        pair.eval().translate(ROWS[:1])
        pair.trace(ROWS[0], ROWS[2])


def run_embeddings() -> None:
    import pyarrow

    from cutaway.embeddings.sentence import trace_words
    from cutaway.embeddings.spelling import nearest_spellings
    from cutaway.embeddings.vectors import WordVectors

    words = ["king", "queen", "man", "woman", "hand"]
    vectors = WordVectors(words, np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    vectors.similarity("king", "queen")
    vectors.most_similar(["king"], ["man"], combine="product")
    vectors.most_similar(positive=["king", "woman"], negative=["man"], topn=2)
    vectors.trace_most_similar(positive=["king", "woman"], negative=["man"], topn=2)
    trace_words(vectors, ("king", "man"), topn=2)
    nearest_spellings("kimg", pyarrow.array(words))
    run_glove()
    run_word2vec()


def run_word2vec() -> None:
    from cutaway.embeddings.word2vec import Word2Vec

    sentences = [["king", "queen", "man"], ["woman", "hand", "king"]] * 9
    model = Word2Vec(dim=3, min_count=1, subsample=1e-2).train(sentences, epochs=1)
    model.trace(["king", "man", "hand"], 1, negatives=["queen"])


def run_glove() -> None:
    from cutaway.embeddings.cooccurrence import count_cooccurrences
    from cutaway.embeddings.glove import GloVe

    counts = count_cooccurrences([np.array([0, 1, 2, 3, -1, 2, 1, 4, 0], dtype=np.int32)], 5)
    GloVe(dim=3).fit_counts(counts, list("abcde"), epochs=1)


def run_finetuning() -> None:
    import torch

    from cutaway.finetuning.class_loss import class_loss
    from cutaway.finetuning.classifier import Classifier, ClassifierSettings
    from cutaway.finetuning.inputs import InputSettings
    from cutaway.finetuning.lora import LoraSettings, add_adapters
    from cutaway.finetuning.stock import StockClassifier
    from cutaway.tokenization.tokenizer import Tokenizer
    from cutaway.transformers.packing import PackedBatch
    from cutaway.transformers.tasks import SequenceLabels

    class_loss(torch.ones(4, 3), torch.tensor([0, 1, 2, 1]), weights=torch.ones(3))
    encoder = small_bert()
    lora = LoraSettings(rank=3)
    add_adapters(encoder, lora)
    settings = ClassifierSettings(
        base="none", labels=("a", "b", "c", "d", "e"), inputs=InputSettings(), lora=lora
    )
    classifier = Classifier(settings, encoder, cast(Tokenizer, None))
    classifier(PackedBatch.from_rows(ROWS))
    classifier.merge()
    stock = SequenceLabels(small_bert(), ("a", "b", "c", "d", "e"))
    StockClassifier("none", stock, cast(Tokenizer, None))(PackedBatch.from_rows(ROWS))


def run_lab() -> None:
    from cutaway.core.trace import Recorder
    from cutaway.lab.figures import embeddings, flat_map, guessing, recurrent, transformers
    from cutaway.lab.figures.editing import Edit
    from cutaway.transformers.tasks import MaskedWords

    embeddings.analogy(["king", "woman"], ["man"])
    flat_map.word_map(["king", "queen", "dog", "cat", "bread"])
    recurrent.memory("Not bad at all", unit=1)
    edits = [Edit(array="q", row=1, column=2, value=3.0)]
    transformers.bench("Not bad at all", transformers.Bench(layer=2, head=3, edits=edits))
    guessing.record_guess(Recorder("guess"), MaskedWords(small_bert()).eval(), ROWS[0], 1)


def small_bert() -> Any:
    from cutaway.transformers.bert import Bert
    from cutaway.transformers.config import BertConfig, BlockConfig

    block = BlockConfig(width=8, heads=2, feed_forward=13)
    return Bert(BertConfig(vocabulary=23, positions=16, types=2, layers=2, block=block)).eval()


# By the room, the second part of a module's name.
RUNS: dict[str, Callable[[], None]] = {
    "embeddings": run_embeddings,
    "finetuning": run_finetuning,
    "lab": run_lab,
    "recurrent": run_recurrent,
    "training": run_training,
    "transformers": run_transformers,
}
