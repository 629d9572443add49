"""What a fine-tuning must beat: six classifiers that train in seconds, measured on the same held-out rows."""
