"""The events of one stream from its opening to its end, batch by batch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from broker.errors import NonexistentTenant, ServiceUnavailable, TooComplexQuery
from broker.subscriptions.live import events
from broker.subscriptions.live.events import Told
from broker.subscriptions.live.follower import Follower
from broker.subscriptions.live.past import Forgotten
from broker.subscriptions.live.snapshot import Snapshot


async def tell(
    follower: Follower, heartbeat: float, snapshot: Snapshot | None, *, resumed: bool
) -> AsyncGenerator[list[Told], None]:
    """Yield what a reader is told; an empty batch after `heartbeat` seconds without news for it.

    Changes that do not concern the reader put no heartbeat off: by them it knows a live connection.
    With a snapshot the stream begins with it, unless it is resumed; and it is shown again after
    each `reset`. A change that cannot be told is a `reset` too, never left out without a word;
    where the snapshot itself cannot be shown, the stream ends. The follower is closed at the end.
    """
    feed = follower.feed
    begin = snapshot is not None and not resumed
    silent = False
    clock = asyncio.get_running_loop().time
    try:
        yield [events.opened(None if begin else follower.after)]
        due = clock() + heartbeat
        while not feed.closed:
            try:
                if begin and snapshot is not None:
                    async with aclosing(snapshot.show(follower)) as batches:
                        async for batch in batches:
                            yield batch
                    begin = False
                told = await follower.read()
                if silent:
                    await follower.check_tenant()
            except NonexistentTenant:
                yield [events.ended(events.DELETED)]
                return
            except ServiceUnavailable:
                break
            except Exception as error:
                reason = _reason(follower, error)
                if begin and reason != events.FORGOTTEN:
                    yield [events.ended(reason)]
                    return
                follower.skip()
                begin = snapshot is not None
                yield [events.reset(None if begin else follower.after, reason)]
                continue
            if told or silent:
                yield told
                silent, due = False, clock() + heartbeat
            elif (left := due - clock()) <= 0:
                silent = True
            elif follower.after < feed.told:
                await asyncio.sleep(0)
            else:
                silent = not await follower.wait(left)
        yield [events.ended(events.STOPS, resume=True)]
    finally:
        follower.close()


def _reason(follower: Follower, error: Exception) -> str:
    """Return why a reader misses changes; what must not happen is logged and counted."""
    if isinstance(error, Forgotten):
        return events.FORGOTTEN
    if isinstance(error, TooComplexQuery):
        return events.TOO_LONG
    follower.fault(error)
    return events.FAULT
