"""Runs: every training leaves a record, its curves and its answers, to be read and compared later."""
