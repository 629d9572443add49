"""Torch machinery that rooms 3 to 5 share: batches, the loop, optimizers, schedules, beam search."""
