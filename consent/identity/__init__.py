"""Clients of the broker and their keys: `model`, the text of keys, and the file that keeps them."""
