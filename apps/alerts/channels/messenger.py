"""The messenger: queues what is published for each channel, sends it, and shows what became of it.

Queueing commits with the place in the change feed, on condition of the entity's version. An entry
is claimed the same way before it is sent, so that two instances send it once; after a crash
while sending it goes out again with the same id.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from apps.alerts.channels.config import Channel
from apps.alerts.channels.letters import claimed, due, queued, settled, waiting, with_entry
from apps.alerts.channels.senders import Result, send
from apps.alerts.current import published_now
from apps.shell.together import together
from broker.client import (
    Client,
    ClientError,
    Entity,
    Event,
    NotFound,
    PreconditionFailed,
    value,
)

log = logging.getLogger("apps.alerts")

CURSOR_ID: Final = "urn:ngsi-ld:FeedCursor:messenger"
TYPES: Final = "Alert,EvacuationInformation"
TICK: Final = 1.0
PAUSE: Final = 2.0
TRIES: Final = 8


class Messenger:
    """The messenger of one tenant."""

    def __init__(
        self,
        client: Client,
        channels: Sequence[Channel],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._channels = channels
        self._sleep = sleep
        self._clock = clock
        self._open: set[str] = set()
        self._left: dict[tuple[str, str], tuple[str, ...]] = {}
        """Recipients still to be sent a message by channel and message: in no file, nor in the
        broker, so that after a crash all are sent it again."""
        self._seq: int | None = None
        self._version: str | None = None

    async def run(self) -> None:
        """Send what is published until cancelled; begin again after a failure."""
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    serving = [self._serve(channel, session) for channel in self._channels]
                    await together(self._follow(), *serving)
                except ClientError as error:
                    log.warning("messages of %r wait: %s", self._client.tenant, error)
                except Exception:
                    # The stages of rivers are decided in this process too.
                    log.exception("a fault of ours; messages of %r wait", self._client.tenant)
                await self._sleep(PAUSE)

    async def _follow(self) -> None:
        await self.load()
        async for event in self._client.stream(type=TYPES, after=self._seq):
            await self.take(event)

    async def load(self) -> None:
        """Read the place in the feed from the broker."""
        try:
            cursor, self._version = await self._client.retrieve_with_version(CURSOR_ID)
            self._seq = int(value(cursor, "seq", 0))
        except NotFound:
            self._seq = self._version = None

    async def take(self, event: Event) -> None:
        """Take one event of the stream. Raises PreconditionFailed where the cursor has moved."""
        if event.kind == "open":
            self._open |= {entity["id"] for entity in await self._all() if waiting(entity)}
        if event.kind == "open" and self._seq is None:
            # What was published before there was a messenger is old news.
            await self._commit(event.seq, [])
        elif event.kind == "reset":
            # What was published meanwhile is told all the same, where it is in force still.
            for entity in published_now(await self._all(), self._clock()):
                await self._queue(entity["id"], event.seq)
            await self._commit(event.seq, [])
        elif event.kind in {"enter", "update"}:
            await self._queue(event.id, event.seq)

    async def _all(self) -> list[Entity]:
        try:
            return await self._client.query(type=TYPES)
        except NotFound:
            return []

    async def _queue(self, entity_id: str, seq: int) -> None:
        for _ in range(TRIES):
            try:
                entity, version = await self._client.retrieve_with_version(entity_id)
            except NotFound:
                return
            entries = queued(entity, self._channels, self._clock())
            if entries is None:
                return
            try:
                await self._commit(seq, [_entries(entity_id, entries, version)])
            except PreconditionFailed as refusal:
                if refusal.problem.get("operation") == 0:
                    raise
                continue
            self._open.add(entity_id)
            return

    async def _serve(self, channel: Channel, session: aiohttp.ClientSession) -> None:
        """Send what is due on one channel; a slow one holds up no other."""
        while True:
            await self._sleep(TICK)
            for entity_id in sorted(self._open):
                try:
                    await self._send(channel, entity_id, session)
                except NotFound:
                    self._open.discard(entity_id)

    async def _send(self, channel: Channel, entity_id: str, session: aiohttp.ClientSession) -> None:
        entity, version = await self._client.retrieve_with_version(entity_id)
        if not waiting(entity):
            self._open.discard(entity_id)
            return
        entry = due(entity, channel.name, self._clock())
        if entry is None:
            return
        claim = with_entry(entity, entry, **claimed(entry, self._clock()))
        try:
            await self._client.transactions([_entries(entity_id, claim, version)])
        except PreconditionFailed:
            return
        try:
            known = channel.name, entry["message"]
            left = self._left.pop(known, ())
            result = await send(channel, entity, entry, self._clock(), session, left)
            if result.left:
                self._left[known] = result.left
        except Exception as fault:
            # An alert that cannot be written must not hold up those that can.
            log.exception("%s cannot be written for %s", entity_id, channel.name)
            result = Result(sent=False, final=True, detail=f"not written: {type(fault).__name__}")
        for _ in range(TRIES):
            entity, version = await self._client.retrieve_with_version(entity_id)
            change = settled(
                entry,
                sent=result.sent,
                final=result.final,
                detail=result.detail,
                now=self._clock(),
            )
            try:
                done = with_entry(entity, entry, **change)
                await self._client.transactions([_entries(entity_id, done, version)])
            except PreconditionFailed:
                continue
            log.info("%s: %s %s", channel.name, change["status"], result.detail)
            return

    async def _commit(self, seq: int, operations: list[dict[str, Any]]) -> None:
        attributes = {"seq": {"type": "Property", "value": seq}}
        cursor: dict[str, Any]
        if self._version is None:
            entity = {"id": CURSOR_ID, "type": "FeedCursor", **attributes}
            cursor = {"op": "create", "entity": entity, "ifNoneMatch": "*"}
        else:
            cursor = {
                "op": "append",
                "id": CURSOR_ID,
                "attrs": attributes,
                "ifMatch": self._version,
            }
        results = await self._client.transactions(
            [cursor, *operations], idempotency_key=f"messenger-{uuid.uuid4()}"
        )
        self._seq = seq
        self._version = f"v{str(results[0]['version']).removeprefix('v')}"


def _entries(entity_id: str, entries: list[Entity], version: str) -> dict[str, Any]:
    attributes = {"channels": {"type": "Property", "value": entries}}
    return {"op": "append", "id": entity_id, "attrs": attributes, "ifMatch": version}
