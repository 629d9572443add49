"""The web lab: the only web code."""
