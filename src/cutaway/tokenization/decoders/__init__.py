"""The way back: pieces to text, one rule a file."""
