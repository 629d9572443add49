"""Trainings started from the page: each a process of its own that tells what it does in a file."""
