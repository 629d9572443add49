"""Vocabularies learned from text: byte pairs and WordPiece."""
