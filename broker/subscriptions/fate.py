"""What became of a notification that was due: where it waits and why, or how it ended."""

from __future__ import annotations

from typing import Any, Final

from broker.clock import Clock
from broker.store.contract import Change
from broker.store.outbox import Outbox, StoredSubscription, Waiting
from broker.subscriptions.delivery.loops import CHAINED, PROBED
from broker.subscriptions.delivery.recipient import Unready
from broker.subscriptions.delivery.runner import Delivery
from broker.subscriptions.explain import Step

EGRESS: Final = "egress rule"


class Fates:
    """Follows notifications. `delivers` tells whether this broker sends any."""

    def __init__(self, outbox: Outbox, delivery: Delivery, clock: Clock, *, delivers: bool) -> None:
        self._outbox = outbox
        self._delivery = delivery
        self._clock = clock
        self._delivers = delivers

    async def of(self, stored: StoredSubscription, seq: int) -> Step | None:
        """Return where the notification of a change is; None where it is in no queue."""
        rows = await self._outbox.waiting(stored.sid, after=seq - 1, limit=1)
        if rows and rows[0].seq == seq:
            return await self._waiting(stored, rows[0])
        letter = await self._outbox.dead_letter(stored.tenant, stored.sid, seq)
        if letter is not None:
            return _dead(letter.row)
        return None

    async def unknown(self, stored: StoredSubscription, change: Change) -> Step:
        """Return the end of a notification that is in no queue, as far as it can be told.

        A subscription that was changed since may not have asked for it then.
        """
        books, success = stored.books, stored.history.last_success
        if stored.modified_at > change.at:
            reached = success is not None and success >= change.at
            code = "cancelled" if books.cancelled and not reached else "changedSince"
            return Step("delivery", False, code, {"at": stored.modified_at})
        _, letters = await self._outbox.dead_letters(stored.tenant, sid=stored.sid, limit=0)
        lost = books.queued - books.delivered - books.waiting - letters
        if success is None or lost:
            return Step("delivery", True, "settled")
        return Step("delivery", True, "delivered", {"at": success})

    async def _waiting(self, stored: StoredSubscription, row: Waiting) -> Step:
        (head,) = await self._outbox.waiting(stored.sid, limit=1)
        step = await self._resting(stored, head)
        if head.seq == row.seq or step.code in ("deliveryOff", "unready"):
            return step
        ahead = self._outbox.ahead(stored.sid, row.seq)
        return Step("delivery", False, "behind", {"count": ahead, "why": head.error or ""})

    async def _resting(self, stored: StoredSubscription, head: Waiting) -> Step:
        """Return why the first of a queue is not sent yet."""
        if not self._delivers:
            return Step("delivery", False, "deliveryOff")
        known = await self._delivery.know(stored.sid)
        values: dict[str, Any] = {"why": head.error or "", "attempts": head.attempts}
        if known is None or isinstance(known, Unready):
            why = "" if known is None else known.words
            return Step("delivery", False, "unready", {"why": why})
        server = known.address.origin
        if self._delivery.breaker(known.address) != "closed":
            return Step("delivery", False, "breaker", {**values, "server": server})
        if head.not_before is not None and head.not_before > self._clock():
            values["until"] = head.not_before
            return Step("delivery", False, "cooldown" if known.cooldown else "retry", values)
        return Step("delivery", False, "underWay")


def _dead(row: Waiting) -> Step:
    why = row.error or ""
    code = "dead"
    if why in (CHAINED, PROBED):
        code = "loop"
    elif EGRESS in why:
        code = "egressRefused"
    return Step("delivery", False, code, {"why": why, "attempts": row.attempts})
