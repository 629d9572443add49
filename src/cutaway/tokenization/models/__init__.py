"""Step 3: words to pieces: one model a file, and its fast encoder beside it."""
