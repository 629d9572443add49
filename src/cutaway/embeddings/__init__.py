"""Room 2: ids to vectors."""
