"""What a change did to an entity, in the words of `notificationTrigger` (§5.8.6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from broker.model.change import changed_attributes
from broker.store.contract import Committed, Kind
from broker.subscriptions.model import Trigger

BITS: Final[dict[str, int]] = {trigger.value: 1 << place for place, trigger in enumerate(Trigger)}
"""Triggers as bits: sets of them are compared many times for each change."""

CREATED: Final = BITS["attributeCreated"]
UPDATED: Final = BITS["attributeUpdated"]
DELETED: Final = BITS["attributeDeleted"]
ENTITY_UPDATED: Final = BITS["entityUpdated"]

_WHOLE: Final = {
    "create": (BITS["entityCreated"], CREATED),
    "delete": (BITS["entityDeleted"], DELETED),
}


def bits_of(triggers: Iterable[str]) -> tuple[int, ...]:
    """Return triggers as bits, each once."""
    return tuple(dict.fromkeys(BITS[str(trigger)] for trigger in triggers))


class Event:
    """A change as subscriptions look at it: computed once, asked by many.

    `entity` is the entity after the change, before it for a deletion. `happened` has the bits of
    all triggers that were set off, `kinds` says for each of them to which attributes; none where
    it happened to the entity as such. A change of some instances of an attribute (datasetId)
    counts for the attribute.
    """

    __slots__ = ("at", "attributes", "entity", "happened", "kinds", "seq")

    def __init__(self, committed: Committed) -> None:
        change = committed.change
        self.seq = change.seq
        self.at = change.at
        self.entity = committed.after or committed.before or {}
        self.attributes = changed_attributes(change)
        if change.kind is Kind.UPDATE:
            self.kinds = _update(committed, self.attributes)
        else:
            entity, attribute = _WHOLE[change.kind.value]
            self.kinds = {entity: set(self.attributes)}
            if self.attributes:
                self.kinds[attribute] = self.kinds[entity]
        self.happened = sum(self.kinds)


def _update(committed: Committed, attributes: list[str]) -> dict[int, set[str]]:
    delta = (committed.change.delta or {}).get("attrs", {})
    prior = (committed.change.before or {}).get("attrs", {})
    kinds = {ENTITY_UPDATED: set(attributes)}
    for iri in attributes:
        was = prior.get(iri, {})
        for dataset, instance in delta.get(iri, {}).items():
            if instance is None:
                kind = DELETED
            elif was.get(dataset) is None:
                kind = CREATED
            else:
                kind = UPDATED
            if kind in kinds:
                kinds[kind].add(iri)
            else:
                kinds[kind] = {iri}
    return kinds
