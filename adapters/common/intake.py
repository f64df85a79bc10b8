"""From the wire to the broker: every message ends in the broker, or apart with its reason."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from adapters.common.quarantine import Kind, Quarantine
from adapters.common.spool import Spool
from adapters.common.times import TOLERANCE, later, seconds_ahead, utc_now
from adapters.contract import Adapter, BadPayload, Message, Reading, UnknownDevice
from broker.client import ClientError, Refused, Unauthorized, Unavailable

log = logging.getLogger("adapters")

LONGEST_PAUSE: Final = 10.0
MOST_BYTES: Final = 262_144
"""Bytes of a message that are taken: far more than any device says at once."""
MOST_ERRORS: Final = 5
"""How often the broker may fail over one message (500) before the message is put apart."""


class Intake:
    """The way of an adapter's messages. Durable, in order by device, harmless to repeat.

    While the broker gives no answer, messages wait in the spool; what the broker refuses for
    good, what cannot be read and whose clock is ahead goes to the quarantine.
    """

    def __init__(
        self,
        adapter: Adapter,
        spool: Spool,
        quarantine: Quarantine,
        *,
        redact: Callable[[Message], Message] = lambda message: message,
        now: Callable[[], str] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._adapter = adapter
        self._health = adapter.health
        self._spool = spool
        self._quarantine = quarantine
        self._redact = redact
        self._now = now
        self._sleep = sleep
        self._one_at_a_time = asyncio.Lock()

    async def take(self, messages: Sequence[Message]) -> None:
        """Keep messages; when this returns they are safe and may be acknowledged.

        What `redact` takes out of them is never kept. A message that comes out of the quarantine
        again keeps the time it first came; of two that come together the second came later, so
        that it wins where the device itself says no time.
        """
        now = self._now()
        kept = [
            replace(self._redact(message), received=message.received or later(now, place))
            for place, message in enumerate(messages)
        ]
        self._health.received += len(messages)
        whole: list[tuple[Message, str]] = []
        for message in kept:
            if len(message.payload) > MOST_BYTES:
                await self._too_long(message)
                continue
            sender = self._adapter.sender(message)
            if self._spool.crowded(sender):
                self._health.flooded += 1
                self._health.last_fault = "a device sends more than can be taken; some is dropped"
                continue
            whole.append((message, sender))
        if whole:
            await self._spool.put(*zip(*whole, strict=True))
        self._health.waiting = self._spool.waiting

    async def drain(self) -> None:
        """Bring message after message to its end, each device's oldest first, until cancelled."""
        while True:
            seq, message = await self._spool.first()
            async with self._one_at_a_time:
                if self._spool.holds(seq):
                    await self.finish(message)
                    await self._spool.done(seq)
            self._health.waiting = self._spool.waiting

    async def forget(self, device: str) -> None:
        """Forget what waits or is held of a device, once the message under way has ended."""

        def of_it(message: Message) -> bool:
            return self._adapter.sender(message) == device

        async with self._one_at_a_time:
            gone = await self._spool.forget(of_it) + await self._quarantine.forget(of_it)
        self._health.forgotten += gone
        self._health.waiting = self._spool.waiting

    async def finish(self, message: Message) -> None:
        """Bring one message to its end; waits for a broker that is away."""
        failures = 0
        while True:
            try:
                await self._once(message)
            except BadPayload as fault:
                await self._bad(message, fault)
            except UnknownDevice as fault:
                self._health.unknown += 1
                await self._apart(message, Kind.UNKNOWN, str(fault))
            except ClientError as fault:
                failures += 1
                if _may_pass(fault, failures):
                    await self._pause(failures, fault)
                    continue
                self._health.refused += 1
                await self._apart(message, Kind.REFUSED, f"the broker refuses it: {fault}")
            except Exception as fault:
                # A fault of ours must not stop the messages behind this one.
                self._health.bad += 1
                await self._apart(message, Kind.BAD, f"the adapter failed: {fault!r}")
            return

    async def _once(self, message: Message) -> None:
        for reading in self._adapter.decode(message):
            ahead = seconds_ahead(reading.observed_at, message.received)
            if ahead > TOLERANCE:
                await self._ahead(message, reading, ahead)
            elif await self._adapter.write(reading):
                self._health.written += 1
            else:
                self._health.repeated += 1

    async def _too_long(self, message: Message) -> None:
        """Hold that a message came which no device sends, and nothing of what it says."""
        reason = f"{len(message.payload)} bytes; {MOST_BYTES} are taken, and nothing of it is kept"
        self._health.bad += 1
        await self._quarantine.put(replace(message, payload=b""), Kind.BAD, reason, "body")

    async def _knows(self, device: str) -> bool:
        try:
            return await self._adapter.knows(device)
        except ClientError:
            return True

    async def _bad(self, message: Message, fault: BadPayload) -> None:
        if fault.device and not await self._knows(fault.device):
            # Another program's device on the same network, which we need not understand.
            self._health.unknown += 1
            await self._apart(message, Kind.UNKNOWN, fault.reason, fault.place)
            return
        self._health.bad += 1
        await self._apart(message, Kind.BAD, fault.reason, fault.place)

    async def _ahead(self, message: Message, reading: Reading, seconds: float) -> None:
        self._health.ahead += 1
        await self._adapter.clock_ahead(reading, seconds)
        reason = f"the clock is {seconds:.0f} s ahead: measured at {reading.observed_at}"
        await self._apart(message, Kind.CLOCK, reason)

    async def _apart(self, message: Message, kind: Kind, reason: str, place: str = "") -> None:
        if await self._adapter.forgets(self._adapter.sender(message)):
            self._health.forgotten += 1
            return
        number = await self._quarantine.put(message, kind, reason, place)
        # Reason and topic may carry what is nobody's business (a key, a code): they stay there.
        self._health.last_fault = f"{kind}, number {number} in the quarantine"
        log.warning("%s: %s", self._adapter.manifest.name, self._health.last_fault)

    async def _pause(self, failures: int, fault: ClientError) -> None:
        self._health.last_fault = f"the broker is away: {type(fault).__name__}"
        pause = min(LONGEST_PAUSE, 0.25 * 2 ** min(failures - 1, 8)) * (0.5 + random.random() / 2)
        log.warning("%s; %d messages wait", self._health.last_fault, self._spool.waiting)
        await self._sleep(pause)


def _may_pass(fault: ClientError, failures: int) -> bool:
    """Say whether the fault is not the message's: nobody loses a level over a key that is bad."""
    if isinstance(fault, Refused) and not isinstance(fault, Unavailable | Unauthorized):
        return False
    return not (isinstance(fault, Unavailable) and fault.status == 500 and failures >= MOST_ERRORS)
