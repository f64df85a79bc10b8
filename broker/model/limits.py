"""Bounds of one entity. A body that passes them cannot exhaust the stack or the indexes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from broker.model.entity import NULL
from broker.model.place import At, bad

ATTRIBUTES: Final = 1_000
"""Attributes of an entity; sub-attributes of an instance."""
INSTANCES: Final = 1_000
"""Instances (datasetId) of one attribute."""
TYPES: Final = 100
"""Types of an entity; object types of a Relationship."""
SCOPES: Final = 100
"""Scopes of an entity."""
NAME_LENGTH: Final = 2_048
"""Characters of an id, a datasetId, a name or a relationship target."""
SUB_DEPTH: Final = 16
"""Levels of sub-attributes below an attribute."""
VALUE_DEPTH: Final = 64
"""Levels of objects and arrays inside one value."""


def check_value(value: Any, at: At, *, nested_nulls: bool) -> None:
    """Check an object or array: its depth, and where it holds the NGSI-LD Null (§4.5.0).

    With `nested_nulls` (merge) a member of an object may be null, outside of arrays only:
    arrays are replaced whole, so that a null in one has nothing to remove.
    """
    level = [(value, nested_nulls)]
    for _ in range(VALUE_DEPTH):
        below = []
        for container, nulls in level:
            items: Iterable[Any] = container
            if type(container) is dict:
                items = container.values()
            else:
                nulls = False
            for item in items:
                kind = type(item)
                if kind in _CONTAINERS:
                    below.append((item, nulls))
                elif kind is str and item == NULL and not nulls:
                    raise bad(
                        at,
                        f"{NULL!r} stands inside a value, where there is nothing it can remove.",
                        "Leave that member out. A null inside a value is understood only by merge "
                        "(PATCH /entities/{id}), and there not inside arrays.",
                    )
        if not below:
            return
        level = below
    raise _too_deep(at, VALUE_DEPTH)


def _too_deep(at: At, limit: int) -> Exception:
    return bad(
        at,
        f"The value nests objects and arrays more than {limit} levels deep.",
        "Flatten the value, or split it into several attributes.",
    )


_CONTAINERS = frozenset((dict, list))
