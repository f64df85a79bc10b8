"""Texts of an entity by language."""

from __future__ import annotations

from broker.client import Entity, value


def by_language(entity: Entity, name: str) -> dict[str, str]:
    """Return a text by language; one that names none is in the town's, Japanese."""
    found = value(entity, name) or {}
    if isinstance(found, dict):
        return {str(language): str(text) for language, text in found.items()}
    return {"ja": str(found)}
