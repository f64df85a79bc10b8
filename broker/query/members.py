"""Names a query path may end in that are members, not attributes (§4.9, §5.2.5)."""

from __future__ import annotations

from typing import Final

from broker.model.entity import PRIMARY

ENTITY_MEMBERS: Final = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt"})
"""Members of an entity that a path of one name can look at."""

INSTANCE_MEMBERS: Final = frozenset(
    {
        "type",
        "datasetId",
        "observedAt",
        "createdAt",
        "modifiedAt",
        "expiresAt",
        "unitCode",
        "valueType",
        "objectType",
        "lang",
    }
)
"""Non-reified members of an attribute instance that can end a dotted path."""

PRIMARY_MEMBERS: Final = frozenset(PRIMARY.values())
"""Members that hold the value itself: a path names the attribute, never these."""

VOCABULARY_MEMBERS: Final = frozenset({"valueType", "objectType"})
"""Instance members stored as expanded IRIs, whose operands are expanded too."""
