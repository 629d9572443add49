"""What the API answers, as types: the page's own are written from these (tools/api_types.py)."""
