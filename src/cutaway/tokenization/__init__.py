"""Room 1: text to ids."""
