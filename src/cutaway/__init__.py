"""Cutaway: language models with the side taken off, from characters to a fine-tuned classifier.

The public names load on first use, so that `import cutaway` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cutaway.core import version

__version__ = version.VERSION

_HOMES = {
    "Tokenizer": "cutaway.tokenization.tokenizer",
    "WordVocabulary": "cutaway.tokenization.word_vocabulary",
    "WordVectors": "cutaway.embeddings.vectors",
    "Word2Vec": "cutaway.embeddings.word2vec",
    "CBOW": "cutaway.embeddings.word2vec",
    "BagOfNgrams": "cutaway.embeddings.ngram_classifier",
    "FastText": "cutaway.embeddings.fasttext",
    "GloVe": "cutaway.embeddings.glove",
    "PPMI": "cutaway.embeddings.ppmi",
    "RNN": "cutaway.recurrent.rnn",
    "GRU": "cutaway.recurrent.gru",
    "LSTM": "cutaway.recurrent.lstm",
    "SequenceClassifier": "cutaway.recurrent.classifier",
    "LanguageModel": "cutaway.recurrent.language",
    "Seq2Seq": "cutaway.recurrent.seq2seq",
    "Bert": "cutaway.transformers.bert",
    "DistilBert": "cutaway.transformers.bert",
    "Roberta": "cutaway.transformers.bert",
    "Gpt": "cutaway.transformers.gpt",
    "Transformer": "cutaway.transformers.seq2seq",
    "Classifier": "cutaway.finetuning.classifier",
    "finetune": "cutaway.finetuning.finetune",
    "CutawayError": "cutaway.core.errors",
    "Trace": "cutaway.core.trace",
}

__all__ = [
    "CBOW",
    "GRU",
    "LSTM",
    "PPMI",
    "RNN",
    "BagOfNgrams",
    "Bert",
    "Classifier",
    "CutawayError",
    "DistilBert",
    "FastText",
    "GloVe",
    "Gpt",
    "LanguageModel",
    "Roberta",
    "Seq2Seq",
    "SequenceClassifier",
    "Tokenizer",
    "Trace",
    "Transformer",
    "Word2Vec",
    "WordVectors",
    "WordVocabulary",
    "__version__",
    "finetune",
]

if TYPE_CHECKING:
    from cutaway.core.errors import CutawayError
    from cutaway.core.trace import Trace
    from cutaway.embeddings.fasttext import FastText
    from cutaway.embeddings.glove import GloVe
    from cutaway.embeddings.ngram_classifier import BagOfNgrams
    from cutaway.embeddings.ppmi import PPMI
    from cutaway.embeddings.vectors import WordVectors
    from cutaway.embeddings.word2vec import CBOW, Word2Vec
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.finetune import finetune
    from cutaway.recurrent.classifier import SequenceClassifier
    from cutaway.recurrent.gru import GRU
    from cutaway.recurrent.language import LanguageModel
    from cutaway.recurrent.lstm import LSTM
    from cutaway.recurrent.rnn import RNN
    from cutaway.recurrent.seq2seq import Seq2Seq
    from cutaway.tokenization.tokenizer import Tokenizer
    from cutaway.tokenization.word_vocabulary import WordVocabulary
    from cutaway.transformers.bert import Bert, DistilBert, Roberta
    from cutaway.transformers.gpt import Gpt
    from cutaway.transformers.seq2seq import Transformer


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cutaway' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
