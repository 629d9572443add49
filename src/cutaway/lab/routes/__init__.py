"""The API, one file a room."""
