"""Compiled loops, one module a topic; imported only when they are needed."""
