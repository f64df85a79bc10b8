"""What a document may measure. MongoDB takes 16 MiB and not a byte more."""

from __future__ import annotations

from typing import Final

import bson

from broker.errors import PayloadTooLarge
from broker.store.mongodb.rows import Document

LARGEST: Final = 16 * 1024 * 1024
"""Bytes."""

SUSPICIOUS: Final = LARGEST // 8
"""Characters of text from which on a document is measured: rarely, since that costs time."""


def fitting(document: Document) -> Document:
    """Return a document of an entity or of its change. Raises PayloadTooLarge."""
    text = sum(len(value) for value in document.values() if isinstance(value, str))
    if text > SUSPICIOUS and len(bson.encode(document)) > LARGEST:
        raise PayloadTooLarge(
            f"The entity {document['id']} is too large, or changes by too much at once: MongoDB"
            f" takes {LARGEST} bytes, which a change needs for what was, what is new and the whole"
            " entity.",
            place="body:",
            remedy="Divide it into several entities, or change it in several steps.",
        )
    return document
