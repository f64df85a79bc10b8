"""One reader's place in the feed, and what it is told from there on."""

from __future__ import annotations

from broker.guard import Caller, Guard
from broker.store.contract import Committed
from broker.store.refusals import nonexistent
from broker.subscriptions.live.audience import Waiter
from broker.subscriptions.live.events import Told
from broker.subscriptions.live.feed import Feed
from broker.subscriptions.live.lens import Lens, visible
from broker.subscriptions.live.past import Forgotten

__all__ = ["Follower", "Forgotten"]


class Follower:
    """A reader of one tenant's changes through a lens. `after` is the seq it has read up to.

    The guard is asked about each change at the moment it is told. `close` it at the end.
    """

    __slots__ = ("_audience", "_caller", "_guard", "_waiter", "after", "feed", "lens", "tenant")

    def __init__(
        self, feed: Feed, guard: Guard, caller: Caller, tenant: str, lens: Lens, after: int
    ) -> None:
        self.feed = feed
        self.tenant = tenant
        self.after = after
        self._guard = guard
        self._caller = caller
        self._waiter = Waiter()
        self._audience = feed.join(tenant, lens, self._waiter)
        self.lens = self._audience.lens

    async def changes(self, until: int | None = None) -> list[Committed]:
        """Return the next changes that may concern the reader and move on; empty for none in sight.

        Raises Forgotten where changes past `after` can no longer be told.
        """
        feed = self.feed
        if not 0 <= self.after <= feed.head:
            raise Forgotten
        if self.after >= feed.told:
            return []
        found = feed.recent(self._audience, self.after)
        if found is None:
            found = await feed.past.read(self.tenant, self.after, feed.told)
        changes, self.after = found
        return changes

    async def read(self) -> list[Told]:
        """Return what the next changes tell, and move on; empty where there is nothing in sight."""
        told = [self._tell(one) for one in await self.changes()]
        return [event for event in told if event is not None]

    async def wait(self, timeout: float) -> bool:
        """Sleep until there may be something to read; False after `timeout` seconds of silence."""
        if self.feed.closed or self.after < self.feed.told:
            return True
        return await self._waiter.sleep(timeout)

    async def check_tenant(self) -> None:
        """Raise NonexistentTenant where the tenant has been deleted."""
        if not await self.feed.past.knows(self.tenant):
            raise nonexistent(self.tenant)

    def skip(self) -> None:
        """Give up what has not been read: go on from the newest change."""
        self.after = self.feed.told

    def seen(self, one: Committed) -> Committed | None:
        """Return a change as the reader may see it, None where nothing of it is left."""
        seen = self._guard.deliver(self._caller, self.tenant, one)
        if seen is None or seen is one or visible(seen):
            return seen
        return None

    def fault(self, error: Exception) -> None:
        """Note that a change could not be told."""
        self.feed.fault(self._audience, error)

    def close(self) -> None:
        """Leave the feed."""
        self.feed.leave(self._audience, self._waiter)

    def _tell(self, one: Committed) -> Told | None:
        seen = self.seen(one)
        if seen is None:
            return None
        if seen is not one:
            return self.lens.tell(seen)
        return self.feed.told_to(self._audience, one)
