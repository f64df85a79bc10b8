"""Linked entities as they were at a change that is judged, and as a subscription's owner sees them.

The store knows them as of the end of the group of changes it is about to commit. What a later
change of the group did to one is taken back, so that each change is judged by the state it left.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.guard import Caller, Guard
from broker.model.entity import Entity
from broker.query.linked import MOST, TooManyLinked
from broker.store.contract import Committed, Find


class Far:
    """Finds linked entities for the conditions of a matcher; set to each change in turn."""

    def __init__(self, guard: Guard | None) -> None:
        self._guard = guard
        self._find: Find | None = None
        self._group: Sequence[Committed] = ()
        self._changed: dict[tuple[str, str], list[Committed]] | None = None
        self._now: Committed | None = None
        self._owner: Caller | None = None
        self._looked = 0

    def begin(self, group: Sequence[Committed], find: Find) -> None:
        """Take up a group of changes; `find` gives entities as they are at its end."""
        self._group, self._find, self._changed = group, find, None

    def end(self) -> None:
        """Forget the group."""
        self._group, self._find, self._changed, self._now = (), None, None, None

    def turn_to(self, committed: Committed, owner: Caller | None = None) -> None:
        """Judge for one owner, by the state a change left."""
        self._now, self._owner, self._looked = committed, owner, 0

    def __call__(self, entity_id: str) -> Entity | None:
        """Return a linked entity. Raises TooManyLinked."""
        assert self._now is not None
        self._looked += 1
        if self._looked > MOST:
            raise TooManyLinked
        tenant = self._now.change.tenant
        entity = self._as_it_was(tenant, entity_id, self._now.change.seq)
        if entity is None or self._guard is None or self._owner is None:
            return entity
        return self._guard.view(self._owner, tenant, entity)

    def _as_it_was(self, tenant: str, entity_id: str, seq: int) -> Entity | None:
        assert self._find is not None
        if self._changed is None:
            self._changed = {}
            for each in self._group:
                key = (each.change.tenant, each.change.entity_id)
                self._changed.setdefault(key, []).append(each)
        for each in self._changed.get((tenant, entity_id), ()):
            if each.change.seq > seq:
                return each.before
        return self._find(tenant, entity_id)
