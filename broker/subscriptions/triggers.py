"""What a change did to an entity, in the words of `notificationTrigger` (§5.8.6)."""

from __future__ import annotations

from typing import Final

from broker.model.change import changed_attributes
from broker.store.contract import Committed, Kind
from broker.subscriptions.model import Trigger

_WHOLE: Final = {
    Kind.CREATE: (Trigger.ENTITY_CREATED, Trigger.ATTRIBUTE_CREATED),
    Kind.DELETE: (Trigger.ENTITY_DELETED, Trigger.ATTRIBUTE_DELETED),
}
_OF_ATTRIBUTES: Final = (
    Trigger.ATTRIBUTE_CREATED,
    Trigger.ATTRIBUTE_UPDATED,
    Trigger.ATTRIBUTE_DELETED,
)


class Event:
    """A change as subscriptions look at it: computed once, asked by many.

    `entity` is the entity after the change, before it for a deletion. `kinds` has for each
    trigger the attributes it happened to; an entity trigger is there even for an entity without
    attributes. A change of some instances of an attribute (datasetId) counts for the attribute.
    """

    __slots__ = ("attributes", "committed", "entity", "kinds")

    def __init__(self, committed: Committed) -> None:
        self.committed = committed
        self.entity = committed.after or committed.before or {}
        self.attributes = changed_attributes(committed.change)
        whole = _WHOLE.get(committed.change.kind)
        if whole is None:
            self.kinds = _update(committed, self.attributes)
        else:
            self.kinds = dict.fromkeys(whole, frozenset(self.attributes))
            if not self.attributes:
                del self.kinds[whole[1]]


def _update(committed: Committed, attributes: list[str]) -> dict[Trigger, frozenset[str]]:
    delta = (committed.change.delta or {}).get("attrs", {})
    prior = (committed.change.before or {}).get("attrs", {})
    found: dict[Trigger, set[str]] = {}
    for iri in attributes:
        was = prior.get(iri, {})
        for dataset, instance in delta.get(iri, {}).items():
            if instance is None:
                kind = Trigger.ATTRIBUTE_DELETED
            elif was.get(dataset) is None:
                kind = Trigger.ATTRIBUTE_CREATED
            else:
                kind = Trigger.ATTRIBUTE_UPDATED
            found.setdefault(kind, set()).add(iri)
    kinds = {kind: frozenset(iris) for kind, iris in found.items()}
    kinds[Trigger.ENTITY_UPDATED] = frozenset(attributes)
    return kinds
