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
    """Yield what a reader is told; an empty batch after `heartbeat` seconds without news.

    With a snapshot the stream begins with it, unless it is resumed; and it is shown again after
    each `reset`. The follower is closed at the end.
    """
    feed = follower.feed
    begin = snapshot is not None and not resumed
    silent = False
    try:
        yield [events.opened(None if begin else follower.after)]
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
            except (Forgotten, TooComplexQuery):
                follower.skip()
                begin = snapshot is not None
                yield [events.reset(None if begin else follower.after)]
                continue
            except NonexistentTenant:
                yield [events.ended("The tenant has been deleted.")]
                return
            except ServiceUnavailable:
                return
            if told or silent:
                yield told
                silent = False
            elif follower.after < feed.told:
                await asyncio.sleep(0)
            else:
                silent = not await follower.wait(heartbeat)
    finally:
        follower.close()
