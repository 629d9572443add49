"""Names to verified local files: vectors, checkpoints, tokenizers, data sets."""
