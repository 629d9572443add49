"""Trained classifiers over HTTP: what `cutaway serve` runs. It lies in the lab, the only web code."""
