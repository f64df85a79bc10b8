"""A matcher for tests of the store: each subscription names the entities it wants."""

from collections.abc import Sequence

from broker.store.contract import Committed, Find
from broker.store.outbox import Due, Matched, StoredSubscription


class ByEntity:
    """Finds due what changes entities a document lists under `wants`, unless `throttles`."""

    def __init__(self) -> None:
        self.known: dict[int, StoredSubscription] = {}
        self.commits = 0

    def keep(self, subscription: StoredSubscription) -> None:
        self.known[subscription.sid] = subscription

    def drop(self, sid: int) -> None:
        del self.known[sid]

    def notified(self, subscription: StoredSubscription) -> None:
        """Do nothing: this matcher throttles nothing."""

    def match(self, committed: Sequence[Committed], find: Find) -> Matched:
        due: list[Due] = []
        throttled: dict[int, int] = {}
        for each in committed:
            for sid, known in self.known.items():
                if each.change.seq <= known.since or each.change.tenant != known.tenant:
                    continue
                if each.change.entity_id in known.document.get("wants", ()):
                    due.append(Due(sid, each.change.seq))
                elif each.change.entity_id in known.document.get("throttles", ()):
                    throttled[sid] = throttled.get(sid, 0) + 1
        return Matched(due, throttled, self._committed)

    def _committed(self) -> None:
        self.commits += 1
