"""One matcher for the store, whatever its subscriptions are to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from broker.store.contract import Committed, Find
from broker.store.outbox import Matched, Matcher, StoredSubscription


class Listeners(Protocol):
    """Keeps subscriptions to something that is no entity."""

    def keep(self, stored: StoredSubscription) -> None:
        """Take in a subscription."""
        ...

    def drop(self, sid: int) -> None:
        """Forget a subscription; there may be none."""
        ...


class ByKind:
    """Leads subscriptions to entities to `entities`, and all others to `others`."""

    def __init__(self, entities: Matcher, others: Listeners) -> None:
        self._entities = entities
        self._others = others
        self._foreign: set[int] = set()

    def keep(self, subscription: StoredSubscription) -> None:
        """Take in a subscription that is new, or replaces the one of the same `sid`."""
        if subscription.kind:
            self._foreign.add(subscription.sid)
            self._others.keep(subscription)
        else:
            self._entities.keep(subscription)

    def drop(self, sid: int) -> None:
        """Forget a subscription."""
        if sid in self._foreign:
            self._foreign.discard(sid)
            self._others.drop(sid)
        else:
            self._entities.drop(sid)

    def notified(self, subscription: StoredSubscription) -> None:
        """Take over that another broker queued something for it."""
        if not subscription.kind:
            self._entities.notified(subscription)

    def match(self, committed: Sequence[Committed], find: Find) -> Matched:
        """Return the rows of a group of changes."""
        return self._entities.match(committed, find)
