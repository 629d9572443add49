"""Runs as the page reads them: those of the store, and those that were recorded with the package."""
