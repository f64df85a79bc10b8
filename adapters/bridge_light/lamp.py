"""Lamps: what shows a look on real fixtures, and asks them what they show."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import aiohttp
import orjson

from adapters.bridge_light.addressing import Sacn, Wled
from adapters.bridge_light.e131 import KEEP_ALIVE, Packet, encode, multicast_group
from adapters.bridge_light.look import Look, Rgb, Verdict, judge
from adapters.bridge_light.wled_json import live_colours, state_for, verdict_of
from adapters.common.reach import Reach
from adapters.contract import CommandFailed

TIMEOUT: Final = 2.0
MOST_ANSWER: Final = 262_144
FIRST_BURST: Final = 24
"""Packets at the start: a receiver that remembers our numbers from before drops up to twenty."""
BURST: Final = 3
BURST_PAUSE: Final = 0.025
BLINK_SAMPLES: Final = 8


class Lamp(Protocol):
    """One light. `show` may be called at any time; `read` says what the fixtures show."""

    async def show(self, look: Look) -> None:
        """Make the light look so. Raises CommandFailed."""
        ...

    async def read(self, look: Look) -> Verdict:
        """Hold what the light shows against a look. Raises CommandFailed."""
        ...

    async def close(self) -> None:
        """Let go of the light; it keeps or leaves its look as it is set up to."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What lamps need: the HTTP session, the device networks, and the sender's identity."""

    session: aiohttp.ClientSession
    reach: Reach
    cid: UUID
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class WledLamp:
    """A WLED controller driven by its JSON API. Blinking runs in the fixture."""

    def __init__(self, address: Wled, means: Means) -> None:
        self._address = address
        self._means = means

    async def show(self, look: Look) -> None:
        body = state_for(look, self._address.segment)
        await ask(self._means, "POST", f"{self._address.url}/json/state", body)

    async def read(self, look: Look) -> Verdict:
        answer = await ask(self._means, "GET", f"{self._address.url}/json/si")
        return verdict_of(look, answer, self._address.segment)

    async def close(self) -> None:
        """Leave the light as it is."""


class SacnLamp:
    """Fixtures in a universe, kept alive by a stream of packets from this process."""

    def __init__(self, address: Sacn, name: str, means: Means) -> None:
        self._address = address
        self._name = name
        self._means = means
        self._look: Look | None = None
        self._began = 0.0
        self._sequence = 0
        self._socket: socket.socket | None = None
        self._target = ("", 0)
        self._news = asyncio.Event()
        self._stream: asyncio.Task[None] | None = None

    async def show(self, look: Look) -> None:
        if self._socket is None:
            await self._open()
        if look == self._look and self._stream is not None and not self._stream.done():
            return
        first = self._look is None
        self._look, self._began = look, self._means.monotonic()
        for _ in range(FIRST_BURST if first else BURST):
            self._send()
            await self._means.sleep(BURST_PAUSE)
        self._news.set()
        if self._stream is None or self._stream.done():
            self._stream = asyncio.create_task(self._keep_alive())

    async def read(self, look: Look) -> Verdict:
        if self._address.read_back is None:
            return Verdict("sent", info="sACN goes one way; the light is not asked")
        samples = [await self._live()]
        if look.effect == "blink":
            for _ in range(BLINK_SAMPLES - 1):
                await self._means.sleep(look.blink_period_ms / 1000 / BLINK_SAMPLES)
                samples.append(await self._live())
        return judge(look, samples)

    async def close(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._stream
        if self._socket is not None:
            if self._look is not None:
                for _ in range(BURST):
                    self._send(terminated=True)
            self._socket.close()
            self._socket = None

    async def _open(self) -> None:
        address = self._address
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.setblocking(False)
        try:
            if address.host is None:
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 4)
                if address.interface is not None:
                    interface = socket.inet_aton(address.interface)
                    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
                self._target = (multicast_group(address.universe), address.port)
            else:
                self._target = (await self._means.reach.address(address.host), address.port)
        except OSError as error:
            sender.close()
            raise CommandFailed("addressing/interface is none of this machine") from error
        except CommandFailed:
            sender.close()
            raise
        self._socket = sender

    async def _keep_alive(self) -> None:
        """Send the look again in time, and at each edge of a blink."""
        while self._look is not None:
            self._news.clear()
            pause = KEEP_ALIVE
            if self._look.effect == "blink":
                half = self._look.blink_period_ms / 2000
                pause = min(pause, half - (self._means.monotonic() - self._began) % half)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)
            self._send()

    def _send(self, *, terminated: bool = False) -> None:
        if self._look is None or self._socket is None:
            return
        colour = self._look.at(self._means.monotonic() - self._began)
        packet = Packet(
            cid=self._means.cid,
            source=self._name,
            universe=self._address.universe,
            sequence=self._sequence,
            slots=self._address.slots(colour),
            priority=self._look.priority,
            preview=self._address.preview,
            terminated=terminated,
        )
        self._sequence = (self._sequence + 1) % 256
        # A network that is gone for a moment is the same as a packet lost on its way.
        with contextlib.suppress(OSError):
            self._socket.sendto(encode(packet), self._target)

    async def _live(self) -> Sequence[Rgb]:
        return live_colours(await ask(self._means, "GET", f"{self._address.read_back}/json/live"))


def lamp_for(address: Sacn | Wled, name: str, means: Means) -> Lamp:
    """Return the lamp at an address."""
    if isinstance(address, Sacn):
        return SacnLamp(address, name, means)
    return WledLamp(address, means)


async def ask(means: Means, method: str, url: str, body: Any = None) -> Any:
    """Return a controller's JSON answer. Raises CommandFailed."""
    judged, options = await means.reach.request(url)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    try:
        async with means.session.request(
            method, judged, json=body, timeout=timeout, **options
        ) as answer:
            content = await answer.content.read(MOST_ANSWER)
            if answer.status != 200:
                raise CommandFailed(f"the light answers {answer.status}")
            return orjson.loads(content) if content else None
    except orjson.JSONDecodeError as error:
        raise CommandFailed("the light's answer is not JSON") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise CommandFailed("the light gives no answer") from error
