"""Files that hold word vectors: which kind a file is, and one module for each kind."""
