"""The operations a context source can offer, by name and by group (§4.20)."""

from __future__ import annotations

from typing import Final

_DISCOVERY = (
    "retrieveEntityTypes", "retrieveEntityTypeDetails", "retrieveEntityTypeInfo",
    "retrieveAttrTypes", "retrieveAttrTypeDetails", "retrieveAttrTypeInfo",
)  # fmt: skip
_MAPS = ("retrieveEntityMap", "updateEntityMap", "deleteEntityMap", "createEntityMapQueryEntity")
_SUBSCRIPTIONS = (
    "createSubscription", "updateSubscription", "retrieveSubscription", "querySubscription",
    "deleteSubscription",
)  # fmt: skip
_IDENTITY = "retrieveContextSourceIdentity"
_ASSOCIATION = (
    "retrieveEntity", "queryEntity", "queryBatch", *_DISCOVERY, *_SUBSCRIPTIONS, _IDENTITY,
)  # fmt: skip

GROUPS: Final[dict[str, frozenset[str]]] = {
    "federationOps": frozenset((*_ASSOCIATION, *_MAPS)),
    "associationOps": frozenset(_ASSOCIATION),
    "updateOps": frozenset(("updateEntity", "updateAttrs", "replaceEntity", "replaceAttrs")),
    "retrieveOps": frozenset(("retrieveEntity", "queryEntity")),
    "redirectionOps": frozenset(
        (
            *("createEntity", "updateEntity", "appendAttrs", "updateAttrs", "deleteAttrs"),
            *("deleteEntity", "mergeEntity", "replaceEntity", "replaceAttrs", "retrieveEntity"),
            *("queryEntity", "purgeEntity", *_DISCOVERY, *_MAPS, _IDENTITY),
        )
    ),
}

OPERATIONS: Final = frozenset().union(*GROUPS.values()) | {
    *("createBatch", "upsertBatch", "updateBatch", "deleteBatch", "mergeBatch"),
    *("upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal", "deleteTemporal"),
    *("updateAttrInstanceTemporal", "deleteAttrInstanceTemporal"),
    *("retrieveTemporal", "queryTemporal", "createEntityMapQueryTemporal"),
}

AUXILIARY: Final = frozenset(("retrieveOps", "retrieveEntity", "queryEntity"))
"""What a source may offer whose data only fills gaps (§5.9.2.4)."""
