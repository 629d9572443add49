"""The fast path of Unigram models: words to the Viterbi kernel (kernels/unigram.py).

FastUnigram(pipeline, model, ...).encode(texts, limits, encode_open, threads) -> Batch
"""
