"""The limits of one @context and of the caches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one @context may cost. Times in seconds."""

    timeout: float = 5.0
    """For fetching one document, redirects included; requests need not wait that long."""
    total: float = 1.5
    """How long a request waits for all documents of its @context."""
    max_bytes: int = 1 << 20
    redirects: int = 3
    documents: int = 16
    """References to remote documents, repeated ones counted each time."""
    depth: int = 8
    """Arrays within arrays and documents within documents."""
    layers: int = 256
    terms: int = 20_000
    cached_documents: int = 32 << 20
    """Bytes of documents kept."""
    cached_contexts: int = 64 << 20
    """Bytes of compiled contexts kept, estimated."""
