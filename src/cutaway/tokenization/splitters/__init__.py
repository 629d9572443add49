"""Step 2: text to words, one rule a file."""
