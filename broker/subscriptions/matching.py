"""Which subscriptions a change is due to: an index over all of them (§5.8.6).

Tenant → id, or type, or any → watched attribute, or any → subscriptions. What is found there is
tested in full, on what the subscription's owner may see: else a notification that came, or did
not, would tell of what is hidden. A subscription that fails on a change harms no other.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final, TypeAlias

from broker.guard import Caller, Guard
from broker.model.change import changed_attributes
from broker.model.entity import Entity
from broker.query.plan import required_types
from broker.query.predicate import Predicate
from broker.store.contract import Committed, Find
from broker.store.outbox import Due, Matched, StoredSubscription
from broker.subscriptions.conditions import Conditions
from broker.subscriptions.delivery.notification import visible
from broker.subscriptions.far import Far
from broker.subscriptions.model import Selector
from broker.subscriptions.stored import load
from broker.subscriptions.throttle import Timeline
from broker.subscriptions.triggers import Event

ANY: Final = ""
"""Stands for any entity, and for any attribute."""

SILENCED: Final = 64
"""Throttled changes that are remembered of one subscription."""

log = logging.getLogger("machi.broker")


def _nobody(tenant: str, entity_id: str) -> Entity | None:
    return None


class Entry:
    """A subscription in the index.

    `last` is when it was notified, on the timeline of changes; `last_due` the same as the store
    knows it, until the first change. `silenced` are the newest changes that were throttled. `turn`
    is that of the change it was last looked at for. `tests` are left to do once the index found
    the subscription.
    """

    __slots__ = (
        "active", "conditions", "expires_at", "last", "last_due", "linked", "mask", "owner",
        "places", "sid", "silenced", "since", "tenant", "tests", "throttling", "turn", "watches",
    )  # fmt: skip

    def __init__(self, stored: StoredSubscription, far: Far) -> None:
        subscription = load(stored.document)
        self.sid = stored.sid
        self.tenant = stored.tenant
        self.since = stored.since
        self.active = subscription.is_active and not subscription.periodic
        self.expires_at = subscription.expires_at
        self.throttling = subscription.throttling
        self.conditions = Conditions(subscription, far)
        self.linked = self.conditions.linked
        self.mask = self.conditions.mask
        self.owner = subscription.owner
        self.tests = self.conditions.found_tests
        self.watches = None if subscription.watched is None else self.conditions.watches
        self.last: float | None = None
        self.last_due = stored.last_due
        self.silenced: deque[int] = deque(maxlen=SILENCED)
        self.turn = 0
        keys = dict.fromkeys(
            key for selector in subscription.entities or (Selector(),) for key in _keys(selector)
        )
        watched = (ANY,) if subscription.watched is None else subscription.watched
        self.places = [(key, attribute) for key in keys for attribute in watched]


_Group: TypeAlias = dict[str, dict[int, Entry]]
"""The subscriptions for one id, one type, or any entity: watched attribute → by `sid`."""


class Matching:
    """The `Matcher` of a broker. Used on the event loop only.

    `guard` decides what owners may see; None where nothing is hidden from anybody.
    """

    def __init__(self, guard: Guard | None = None) -> None:
        self._guard = guard
        self._far = Far(guard)
        self._entries: dict[int, Entry] = {}
        self._tenants: dict[str, dict[str, _Group]] = {}
        self._timeline = Timeline()
        self._throttling = 0
        self._turn = 0

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, sid: int) -> Entry | None:
        """Return a subscription of the index."""
        return self._entries.get(sid)

    def keep(self, subscription: StoredSubscription) -> None:
        """Take in a subscription that is new, or replaces the one of the same `sid`."""
        entry = Entry(subscription, self._far)
        before = self._entries.get(entry.sid)
        if before is not None:
            entry.last, entry.last_due = before.last, before.last_due
            entry.silenced = before.silenced
            self.drop(entry.sid)
        self._entries[entry.sid] = entry
        if entry.active:
            groups = self._tenants.setdefault(entry.tenant, {})
            for key, attribute in entry.places:
                group = groups.setdefault(key, {})
                group.setdefault(attribute, {})[entry.sid] = entry
            self._throttling += entry.throttling is not None

    def drop(self, sid: int) -> None:
        """Forget a subscription."""
        entry = self._entries.pop(sid)
        if not entry.active:
            return
        groups = self._tenants[entry.tenant]
        for key, attribute in entry.places:
            group = groups[key]
            del group[attribute][sid]
            if not group[attribute]:
                del group[attribute]
            if not group:
                del groups[key]
        if not groups:
            del self._tenants[entry.tenant]
        self._throttling -= entry.throttling is not None

    def notified(self, subscription: StoredSubscription) -> None:
        """Take over that another broker queued something for it, at its `last_due`."""
        entry = self._entries[subscription.sid]
        entry.last, entry.last_due = None, subscription.last_due

    def match(self, committed: Sequence[Committed], find: Find = _nobody) -> Matched:
        """Return what a group of changes is due to."""
        if not self._tenants:
            return Matched([])
        self._far.begin(committed, find)
        try:
            return self._match(committed)
        finally:
            self._far.end()

    def _match(self, committed: Sequence[Committed]) -> Matched:
        due: list[Due] = []
        throttled: list[Due] = []
        told: dict[int, float] = {}
        now = 0.0
        for each in committed:
            if self._throttling:
                now = self._timeline.advance(each.change.at)
            groups = self._tenants.get(each.change.tenant)
            if groups is None:
                continue
            seq = each.change.seq
            find = self._found if self._guard is None else self._found_by_owners
            for entry in find(groups, each):
                if entry.throttling is None:
                    due.append(Due(entry.sid, seq))
                elif self._throttles(entry, entry.throttling, now, told):
                    throttled.append(Due(entry.sid, seq))
                else:
                    due.append(Due(entry.sid, seq))
                    told[entry.sid] = now
        if not told and not throttled:
            return Matched(due)
        counts = Counter(sid for sid, _ in throttled)
        return Matched(due, counts, partial(self._remember, told, throttled))

    def throttled_for(self, sid: int) -> float:
        """Return for how many seconds more a subscription is throttled, by the newest change."""
        entry = self._entries[sid]
        last = self._last(entry)
        if entry.throttling is None or last is None:
            return 0.0
        return max(0.0, entry.throttling - (self._timeline.now - last))

    def _found(self, groups: dict[str, _Group], committed: Committed) -> list[Entry]:
        entity = committed.after or committed.before or {}
        event: Event | None = None
        found: list[tuple[int, Entry]] = []
        answers: dict[int, bool] = {}
        self._turn = turn = self._turn + 1
        for key in (entity["id"], ANY, *entity["type"]):
            group = groups.get(key)
            if group is None:
                continue
            if event is None:
                event = Event(committed)
            for attribute in (ANY, *event.attributes):
                entries = group.get(attribute)
                if entries is not None:
                    for entry in entries.values():
                        if entry.turn != turn:
                            entry.turn = turn
                            if not entry.mask & event.happened:
                                continue
                            if entry.linked:
                                self._far.turn_to(committed)
                            if _is_due(entry, event, answers):
                                found.append((entry.sid, entry))
        found.sort()
        return [entry for _, entry in found]

    def _found_by_owners(self, groups: dict[str, _Group], committed: Committed) -> list[Entry]:
        """Find what a change is due to, each subscription judged by its owner's view of it."""
        found: list[tuple[int, Entry]] = []
        seen: dict[Caller, Event | None] = {}
        for entry in self._candidates(groups, committed):
            if entry.owner not in seen:
                seen[entry.owner] = self._view(entry.owner, committed)
            event = seen[entry.owner]
            if event is None or not entry.mask & event.happened:
                continue
            if entry.linked:
                self._far.turn_to(committed, entry.owner)
            if _is_now_due(entry, event) and _passes(
                entry.conditions.tests, event.entity, entry.sid
            ):
                found.append((entry.sid, entry))
        found.sort()
        return [entry for _, entry in found]

    def _candidates(self, groups: dict[str, _Group], committed: Committed) -> Iterable[Entry]:
        entity = committed.after or committed.before or {}
        attributes = changed_attributes(committed.change)
        entries = (
            groups.get(key, {}).get(attribute, {})
            for key in (entity["id"], ANY, *entity["type"])
            for attribute in (ANY, *attributes)
        )
        return {entry.sid: entry for some in entries for entry in some.values()}.values()

    def _view(self, owner: Caller, committed: Committed) -> Event | None:
        assert self._guard is not None
        try:
            seen = self._guard.deliver(owner, committed.change.tenant, committed)
        except Exception:
            log.exception("the guard failed on a change")
            return None
        if seen is None or (seen is not committed and not visible(seen)):
            return None
        return Event(seen)

    def _throttles(
        self, entry: Entry, throttling: float, now: float, told: dict[int, float]
    ) -> bool:
        last = told.get(entry.sid)
        if last is None:
            last = self._last(entry)
        return last is not None and now - last < throttling

    def _last(self, entry: Entry) -> float | None:
        if entry.last is None and entry.last_due is not None and self._timeline.started:
            entry.last = self._timeline.ago(entry.last_due)
        return entry.last

    def _remember(self, told: dict[int, float], throttled: list[Due]) -> None:
        """Take over what a group brought, once it is durable."""
        for sid, now in told.items():
            entry = self._entries.get(sid)
            if entry is not None:
                entry.last = now
        for sid, seq in throttled:
            entry = self._entries.get(sid)
            if entry is not None:
                entry.silenced.append(seq)


def _is_due(entry: Entry, event: Event, answers: dict[int, bool]) -> bool:
    """Tell whether a change that sets a subscription off is due to it, throttling aside.

    `answers` remembers what shared tests said of this change.
    """
    if not _is_now_due(entry, event):
        return False
    tests = entry.tests
    answer = answers.get(id(tests))
    if answer is None:
        answer = answers[id(tests)] = _passes(tests, event.entity, entry.sid)
    return answer


def _is_now_due(entry: Entry, event: Event) -> bool:
    """Tell whether a change came in time, and happened to a watched attribute."""
    if event.seq <= entry.since:
        return False
    if entry.expires_at is not None and event.at >= entry.expires_at:
        return False
    return entry.watches is None or entry.watches(event)


def _passes(tests: tuple[Predicate, ...], entity: Entity, sid: int) -> bool:
    try:
        return all(test(entity) for test in tests)
    except Exception:
        log.exception("subscription %d could not be tested", sid)
        return False


def _keys(selector: Selector) -> Iterable[str]:
    """Return where in the index a selector has to be found: by id, by type, or everywhere."""
    if selector.ids:
        return selector.ids
    types = None if selector.types is None else required_types(selector.types)
    return (ANY,) if types is None else types
