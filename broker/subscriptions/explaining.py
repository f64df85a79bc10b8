"""Why a subscription was told of a change or not: the change looked up, judged, and followed.

A change is judged as the subscription sees it, which is as its owner does. What a guard hides from
who asks does not exist here either, not as a change and not as an entity; and where it hides part
of what the subscription sees, what rests on that is not told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from broker.clock import Clock
from broker.errors import NonexistentTenant
from broker.guard import Action, Caller, Guard
from broker.model.change import reconstruct
from broker.model.entity import Entity
from broker.model.names import Names
from broker.query.linked import MOST, TooManyLinked, follows, gather
from broker.store.contract import Change, Committed, Store
from broker.store.outbox import StoredSubscription
from broker.subscriptions.delivery.notification import visible
from broker.subscriptions.explain import (
    Step,
    step_of_entities,
    steps_of_change,
    steps_of_queries,
    steps_of_status,
)
from broker.subscriptions.fate import Fates
from broker.subscriptions.matching import Matching
from broker.subscriptions.model import Subscription
from broker.subscriptions.stored import load
from broker.subscriptions.throttle import seconds
from broker.subscriptions.triggers import Event

_TOO_MANY: Final = Step("q", False, "tooManyLinked", {"most": MOST})

MOST_LATER: Final = 20_000
"""Changes of one entity that are walked back to find its state at the one asked about."""
UNSEEN: Final = "unseen"
"""The code of a step that rests on what is hidden from who asks."""
WINDOWS: Final = (1_000, 100_000)
"""Newest changes in which that of an entity is looked for, before all of the feed."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The steps in order. `change` is what was judged, None where there is none."""

    steps: Sequence[Step]
    change: Change | None = None

    @property
    def fires(self) -> bool | None:
        """Tell whether all conditions held; None where that is not for who asks."""
        return None if self.reason.code == UNSEEN else all(step.held for step in self.steps)

    @property
    def reason(self) -> Step:
        """Return the first condition that did not hold, or else the last step."""
        return next((step for step in self.steps if not step.held), self.steps[-1])


class Explainer:
    """Explains the subscriptions of a broker."""

    def __init__(
        self, store: Store, guard: Guard, clock: Clock, matching: Matching, fates: Fates
    ) -> None:
        self._store = store
        self._guard = guard
        self._clock = clock
        self._matching = matching
        self._fates = fates

    async def change(
        self, caller: Caller, stored: StoredSubscription, seq: int, names: Names
    ) -> Explanation:
        """Explain a subscription with a change of the feed. Raises Forbidden."""
        self._may_read(caller, stored.tenant, None)
        oldest, newest = self._store.span()
        if seq > newest:
            return _nothing("notYet", seq=seq, newest=newest)
        if seq < oldest:
            return _nothing("forgotten", seq=seq, oldest=oldest)
        found = await self._store.changes(seq - 1, tenant=stored.tenant, until=seq)
        committed = await self._state(found[0]) if found else None
        seen = None if committed is None else self._seen(caller, committed)
        if committed is None or seen is None:
            return _nothing("elsewhere", seq=seq)
        return Explanation(await self._judged(caller, stored, committed, seen, names), seen.change)

    async def entity(
        self, caller: Caller, stored: StoredSubscription, entity_id: str, names: Names
    ) -> Explanation:
        """Explain a subscription with the newest change of an entity, or as it is now.

        Raises Forbidden.
        """
        self._may_read(caller, stored.tenant, entity_id)
        newest = await self._newest(stored.tenant, entity_id)
        if newest is not None:
            committed = await self._state(newest)
            seen = None if committed is None else self._seen(caller, committed)
            if committed is not None and seen is not None:
                steps = await self._judged(caller, stored, committed, seen, names)
                return Explanation(steps, seen.change)
            if committed is not None:
                return _nothing("noEntity", entity=entity_id)
        return await self._quiet(caller, stored, entity_id, names)

    async def _quiet(
        self, caller: Caller, stored: StoredSubscription, entity_id: str, names: Names
    ) -> Explanation:
        try:
            record = await self._store.get(stored.tenant, entity_id)
        except NonexistentTenant:
            record = None
        if record is not None:
            entity = self._guard.view(caller, stored.tenant, record.entity)
            if entity is not None:
                now = self._clock()
                steps = [
                    Step("change", False, "quietEntity", {"entity": entity_id}),
                    *_steps_of_subscription(stored, now, now),
                ]
                subscription = load(stored.document)
                own = self._guard.view(subscription.owner, stored.tenant, record.entity)
                if own is None:
                    return Explanation([*steps, _NOT_THEIRS])
                if own != entity and self._guard.view(caller, stored.tenant, own) != own:
                    return Explanation([*steps, _UNSEEN])
                linked = await self._linked(caller, stored.tenant, subscription, own)
                if isinstance(linked, Step):
                    return Explanation([*steps, linked])
                steps.append(step_of_entities(subscription, own, names.compact))
                steps += steps_of_queries(subscription, own, names.compact, linked)
                return Explanation(steps)
        return _nothing("noEntity", entity=entity_id)

    async def _judged(
        self,
        caller: Caller,
        stored: StoredSubscription,
        committed: Committed,
        seen: Committed,
        names: Names,
    ) -> list[Step]:
        subscription, change = load(stored.document), committed.change
        late = change.seq > stored.since
        code = "after" if late else "before"
        steps = [Step("since", late, code, {"since": stored.since})]
        steps += _steps_of_subscription(stored, change.at, self._clock())
        own = self._seen(subscription.owner, committed)
        if own is None:
            return [*steps, _NOT_THEIRS]
        if own != seen and self._guard.deliver(caller, stored.tenant, own) != own:
            return [*steps, _UNSEEN]
        event = Event(own)
        linked = await self._linked(caller, stored.tenant, subscription, event.entity, change.seq)
        if isinstance(linked, Step):
            return [*steps, linked]
        steps += steps_of_change(subscription, event, names.compact, linked)
        if not all(step.held for step in steps):
            return steps
        fate = await self._fates.of(stored, committed.change.seq)
        if subscription.throttling is not None:
            throttled = fate is None and self._was_throttled(stored, change)
            code = "throttled" if throttled else "notThrottled"
            values = {"seconds": subscription.throttling}
            steps.append(Step("throttling", not throttled, code, values))
            if throttled:
                return steps
        return [*steps, fate or await self._fates.unknown(stored, change)]

    def _was_throttled(self, stored: StoredSubscription, change: Change) -> bool:
        """Tell whether a change that fitted was throttled: as remembered, or else by the times."""
        entry = self._matching.entry(stored.sid)
        if entry is not None and change.seq in entry.silenced:
            return True
        if entry is None or entry.throttling is None or stored.last_due is None:
            return False
        return 0 < seconds(change.at) - seconds(stored.last_due) < entry.throttling

    async def _linked(
        self,
        caller: Caller,
        tenant: str,
        subscription: Subscription,
        entity: Entity,
        seq: int | None = None,
    ) -> dict[str, Entity | None] | Step:
        """Return the linked entities that `q` looks at, as a change left them and its owner sees.

        Else the step that says why they are not looked at.
        """
        if subscription.q is None or not follows(subscription.q):
            return {}

        async def fetch(ids: Collection[str]) -> list[Entity]:
            found = [await self._at(tenant, entity_id, seq) for entity_id in ids]
            owner = subscription.owner
            views = [self._guard.view(owner, tenant, each) for each in found if each is not None]
            return [view for view in views if view is not None]

        try:
            linked = await gather(subscription.q, entity, fetch)
        except TooManyLinked:
            return _TOO_MANY
        views = [each for each in linked.values() if each is not None]
        if caller != subscription.owner and any(
            self._guard.view(caller, tenant, each) != each for each in views
        ):
            return Step("q", False, UNSEEN)
        return linked

    async def _at(self, tenant: str, entity_id: str, seq: int | None) -> Entity | None:
        """Return an entity as a change left it, or as it is now."""
        record = await self._store.get(tenant, entity_id)
        current = None if record is None else record.entity
        if seq is None:
            return current
        later = await self._store.changes(seq, tenant=tenant, entity_id=entity_id, limit=MOST_LATER)
        for _, before, _ in reconstruct(current, reversed(later)):
            current = before
        return current

    def _may_read(self, caller: Caller, tenant: str, entity_id: str | None) -> None:
        """Refuse who may read nothing, whether there is something or not. Raises Forbidden."""
        self._guard.allow(caller, tenant, Action.READ, entity_id)

    def _seen(self, caller: Caller, committed: Committed) -> Committed | None:
        tenant = committed.change.tenant
        seen = self._guard.deliver(caller, tenant, committed)
        if seen is None or (seen is not committed and not visible(seen)):
            return None
        return seen

    async def _newest(self, tenant: str, entity_id: str) -> Change | None:
        oldest, newest = self._store.span()
        for window in (*WINDOWS, newest):
            after = max(oldest - 1, newest - window)
            found = await self._store.changes(
                after, tenant=tenant, entity_id=entity_id, limit=MOST_LATER
            )
            if found or after < oldest:
                return found[-1] if found else None
        return None

    async def _state(self, change: Change) -> Committed | None:
        """Return a change with the entity before and after it; None where that is too long ago."""
        record = await self._store.get(change.tenant, change.entity_id)
        later = await self._store.changes(
            change.seq - 1, tenant=change.tenant, entity_id=change.entity_id, limit=MOST_LATER
        )
        if len(later) == MOST_LATER:
            return None
        current = None if record is None else record.entity
        for each, before, after in reconstruct(current, reversed(later)):
            if each.seq == change.seq:
                return Committed(change, before, after)
        return None


_NOT_THEIRS: Final = Step("delivery", False, "withheld")
_UNSEEN: Final = Step("entities", False, UNSEEN)


def _steps_of_subscription(stored: StoredSubscription, at: str, now: str) -> Iterator[Step]:
    yield from steps_of_status(load(stored.document), at, now)
    if stored.books.superseded:
        count = stored.books.superseded
        yield Step("timeInterval", True, "superseded", {"count": count})


def _nothing(code: str, **values: Any) -> Explanation:
    return Explanation([Step("change", False, code, values)])
