"""Entities in normalized form, as they travel between a broker and its clients."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Json = Any
Entity = dict[str, Any]

_VALUES = ("value", "object", "languageMap", "json", "vocab", "valueList", "objectList")
"""Where each kind of attribute has its value (§4.5)."""


def value(entity: Entity, attribute: str, default: Json = None) -> Json:
    """Return an attribute's value, object URI, language map, term or list; else `default`.

    Of an attribute with several instances (`datasetId`) the first is taken.
    """
    instance = entity.get(attribute)
    if isinstance(instance, list):
        instance = instance[0] if instance else None
    if not isinstance(instance, dict):
        return default
    for member in _VALUES:
        if member in instance:
            return instance[member]
    return default


def observed_at(entity: Entity, attribute: str) -> str | None:
    """Return when an attribute's value was measured, as it came, or None."""
    instance = entity.get(attribute)
    if isinstance(instance, list):
        instance = instance[0] if instance else None
    found = instance.get("observedAt") if isinstance(instance, dict) else None
    return found if isinstance(found, str) else None


def timestamp(moment: datetime) -> str:
    """Return a moment as NGSI-LD writes times: UTC, `Z`, fractions only where there are any."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
