"""Step 1: characters to characters, one rule a file."""
