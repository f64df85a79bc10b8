"""What is wrong with a file of history."""

from __future__ import annotations


class UnreadableSource(Exception):
    """A file cannot be read as history; the text says where, and what is expected there."""
