"""Step 4: what is put around the pieces, one rule a file."""
