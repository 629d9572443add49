"""Room 4: sequences, all at once."""
