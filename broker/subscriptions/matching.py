"""Which subscriptions a change is due to: an index over all of them (§5.8.6).

Tenant → id, or type, or any → watched attribute, or any → subscriptions. What is found there is
tested in full. A subscription that fails on a change harms no other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from broker.query.plan import required_types
from broker.store.contract import Committed
from broker.store.outbox import Due, Matched, StoredSubscription
from broker.subscriptions.conditions import Conditions
from broker.subscriptions.model import Selector
from broker.subscriptions.stored import load
from broker.subscriptions.throttle import Timeline
from broker.subscriptions.triggers import Event

ANY: Final = ""
"""Stands for any entity, and for any attribute."""

log = logging.getLogger("machi.broker")


class Entry:
    """A subscription in the index.

    `last` is when it was notified, on the timeline of changes; `last_due` the same as the store
    knows it, until the first change.
    """

    __slots__ = (
        "active", "conditions", "expires_at", "last", "last_due", "places", "sid", "since",
        "tenant", "throttling",
    )  # fmt: skip

    def __init__(self, stored: StoredSubscription) -> None:
        subscription = load(stored.document)
        self.sid = stored.sid
        self.tenant = stored.tenant
        self.since = stored.since
        self.active = subscription.is_active and not subscription.periodic
        self.expires_at = subscription.expires_at
        self.throttling = subscription.throttling
        self.conditions = Conditions(subscription)
        self.last: float | None = None
        self.last_due = stored.last_due
        keys = dict.fromkeys(
            key for selector in subscription.entities or (Selector(),) for key in _keys(selector)
        )
        watched = (ANY,) if subscription.watched is None else subscription.watched
        self.places = [(key, attribute) for key in keys for attribute in watched]

    def due(self, event: Event) -> bool:
        """Tell whether a change is due to it, throttling aside."""
        change = event.committed.change
        if change.seq <= self.since or (self.expires_at and change.at >= self.expires_at):
            return False
        try:
            return self.conditions.hold(event)
        except Exception:
            log.exception("subscription %d could not be tested", self.sid)
            return False


class _Group:
    """The subscriptions for one id, one type, or any entity, by watched attribute."""

    __slots__ = ("by_attribute",)

    def __init__(self) -> None:
        self.by_attribute: dict[str, dict[int, Entry]] = {}

    def find(self, attributes: Iterable[str]) -> Iterator[Entry]:
        by_attribute = self.by_attribute
        if ANY in by_attribute:
            yield from by_attribute[ANY].values()
        if len(by_attribute) > 1 or ANY not in by_attribute:
            for attribute in attributes:
                if attribute in by_attribute:
                    yield from by_attribute[attribute].values()


class Matching:
    """The `Matcher` of a broker. Used on the event loop only."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._tenants: dict[str, dict[str, _Group]] = {}
        self._timeline = Timeline()

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, sid: int) -> Entry | None:
        """Return a subscription of the index."""
        return self._entries.get(sid)

    def keep(self, subscription: StoredSubscription) -> None:
        """Take in a subscription that is new, or replaces the one of the same `sid`."""
        entry = Entry(subscription)
        before = self._entries.get(entry.sid)
        if before is not None:
            entry.last, entry.last_due = before.last, before.last_due
            self.drop(entry.sid)
        self._entries[entry.sid] = entry
        if entry.active:
            groups = self._tenants.setdefault(entry.tenant, {})
            for key, attribute in entry.places:
                group = groups.setdefault(key, _Group())
                group.by_attribute.setdefault(attribute, {})[entry.sid] = entry

    def drop(self, sid: int) -> None:
        """Forget a subscription."""
        entry = self._entries.pop(sid)
        if not entry.active:
            return
        groups = self._tenants[entry.tenant]
        for key, attribute in entry.places:
            found = groups[key].by_attribute
            del found[attribute][sid]
            if not found[attribute]:
                del found[attribute]
            if not found:
                del groups[key]
        if not groups:
            del self._tenants[entry.tenant]

    def match(self, committed: Sequence[Committed]) -> Matched:
        """Return what a group of changes is due to."""
        due: list[Due] = []
        throttled: dict[int, int] = {}
        told: dict[int, float] = {}
        for each in committed:
            now = self._timeline.advance(each.change.at)
            groups = self._tenants.get(each.change.tenant)
            if groups is None:
                continue
            for entry in self._found(groups, each):
                if entry.throttling and self._throttles(entry, now, told):
                    throttled[entry.sid] = throttled.get(entry.sid, 0) + 1
                else:
                    due.append(Due(entry.sid, each.change.seq))
                    if entry.throttling:
                        told[entry.sid] = now
        return Matched(due, throttled, self._remember(told) if told else None)

    def throttled_for(self, sid: int) -> float:
        """Return for how many seconds more a subscription is throttled, by the newest change."""
        entry = self._entries[sid]
        last = self._last(entry)
        if entry.throttling is None or last is None:
            return 0.0
        return max(0.0, entry.throttling - (self._timeline.now - last))

    def _found(self, groups: dict[str, _Group], committed: Committed) -> list[Entry]:
        entity = committed.after or committed.before or {}
        keys = {entity["id"], ANY, *entity["type"]}
        if groups.keys().isdisjoint(keys):
            return []
        event = Event(committed)
        candidates: dict[int, Entry] = {}
        for key in keys:
            group = groups.get(key)
            if group is not None:
                for entry in group.find(event.attributes):
                    candidates[entry.sid] = entry
        return [candidates[sid] for sid in sorted(candidates) if candidates[sid].due(event)]

    def _throttles(self, entry: Entry, now: float, told: dict[int, float]) -> bool:
        last = told.get(entry.sid)
        if last is None:
            last = self._last(entry)
        return last is not None and entry.throttling is not None and now - last < entry.throttling

    def _last(self, entry: Entry) -> float | None:
        if entry.last is None and entry.last_due is not None and self._timeline.started:
            entry.last = self._timeline.ago(entry.last_due)
        return entry.last

    def _remember(self, told: dict[int, float]) -> Callable[[], None]:
        def commit() -> None:
            for sid, now in told.items():
                entry = self._entries.get(sid)
                if entry is not None:
                    entry.last = now

        return commit


def _keys(selector: Selector) -> Iterable[str]:
    """Return where in the index a selector has to be found: by id, by type, or everywhere."""
    if selector.ids:
        return selector.ids
    types = None if selector.types is None else required_types(selector.types)
    return (ANY,) if types is None else types
