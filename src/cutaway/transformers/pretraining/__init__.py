"""Learning from text alone: what a model is asked, and how wrong it was."""
