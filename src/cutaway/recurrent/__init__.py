"""Room 3: sequences, one step at a time."""
