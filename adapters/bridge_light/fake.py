"""A light made of software: takes sACN like a DMX fixture, and answers like a WLED."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
from aiohttp import web

from adapters.bridge_light.e131 import (
    LOSS,
    NotSacn,
    Packet,
    decode,
    in_sequence,
    multicast_group,
)
from adapters.bridge_light.look import DARK, Rgb

HOST = "127.0.0.1"
MOST_PACKETS = 10_000


class FakeLight:
    """Fixtures of three channels in a universe, with WLED's JSON API beside them.

    Takes the source of the highest priority, drops late packets and previews, and gives a
    source up 2.5 s after its last packet, as E1.31 asks. Faults: `away` (answers nothing),
    `stuck` (shows this colour whatever it is told), `status` (answers with this HTTP status).
    """

    def __init__(
        self,
        universe: int = 1,
        *,
        fixtures: int = 1,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.universe = universe
        self.fixtures = fixtures
        self.packets: list[Packet] = []
        self.posts: list[Any] = []
        self.away = False
        self.stuck: Rgb | None = None
        self.status = 200
        self.udp_port = 0
        self.url = ""
        self.state: dict[str, Any] = {
            "on": True,
            "bri": 128,
            "seg": [{"id": 0, "on": True, "col": [[255, 160, 0]], "fx": 0, "sx": 128}],
        }
        self._monotonic = monotonic
        self._sources: dict[Any, tuple[float, Packet]] = {}

    @contextlib.asynccontextmanager
    async def running(
        self, *, udp_port: int = 0, http_port: int = 0, multicast: bool = False
    ) -> AsyncIterator[FakeLight]:
        """Listen on UDP and HTTP while the context lasts; port 0 takes a free one."""
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        group = multicast_group(self.universe)
        receiver.bind((group if multicast else HOST, udp_port))
        if multicast:
            membership = socket.inet_aton(group) + socket.inet_aton(HOST)
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        receiver.setblocking(False)
        self.udp_port = receiver.getsockname()[1]
        loop = asyncio.get_running_loop()
        light = self

        class Receiver(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:
                light.take(data)

        transport, _ = await loop.create_datagram_endpoint(Receiver, sock=receiver)
        runner = web.AppRunner(self._app(), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, HOST, http_port)
        await site.start()
        self.url = f"http://{HOST}:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            transport.close()
            await runner.cleanup()

    def take(self, data: bytes) -> None:
        """Take a datagram."""
        try:
            packet = decode(data)
        except NotSacn:
            return
        if packet.universe != self.universe:
            return
        known = self._sources.get(packet.cid)
        if known is not None and not in_sequence(packet.sequence, known[1].sequence):
            return
        self.packets.append(packet)
        del self.packets[:-MOST_PACKETS]
        if packet.terminated:
            self._sources.pop(packet.cid, None)
        elif not packet.preview:
            self._sources[packet.cid] = (self._monotonic(), packet)

    def colours(self) -> list[Rgb]:
        """Return what the fixtures show now."""
        if self.stuck is not None:
            return [self.stuck] * self.fixtures
        slots = self._streamed()
        if slots is None:
            return [self._own()] * self.fixtures
        padded = slots.ljust(3 * self.fixtures, b"\x00")
        return [(padded[3 * n], padded[3 * n + 1], padded[3 * n + 2]) for n in range(self.fixtures)]

    def _streamed(self) -> bytes | None:
        now = self._monotonic()
        heard = [packet for at, packet in self._sources.values() if now - at < LOSS]
        return max(heard, key=lambda packet: packet.priority).slots if heard else None

    def _own(self) -> Rgb:
        if not self.state["on"]:
            return DARK
        red, green, blue = (
            round(c * self.state["bri"] / 255) for c in self.state["seg"][0]["col"][0]
        )
        return red, green, blue

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._faults])
        app.add_routes(
            [
                web.get("/json/si", self._si),
                web.get("/json/live", self._live),
                web.post("/json/state", self._set),
            ]
        )
        return app

    @web.middleware
    async def _faults(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.away:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if self.status != 200:
            return web.Response(status=self.status)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _si(self, request: web.Request) -> web.Response:
        info = {"ver": "0.15.0", "live": self._streamed() is not None, "brand": "WLED"}
        state = self.state
        if self.stuck is not None:
            part = {**state["seg"][0], "col": [list(self.stuck)], "fx": 0}
            state = {**state, "on": True, "bri": 255, "seg": [part]}
        return _json({"state": state, "info": info})

    async def _live(self, request: web.Request) -> web.Response:
        leds = [bytes(colour).hex().upper() for colour in self.colours()]
        return _json({"leds": leds, "n": 1})

    async def _set(self, request: web.Request) -> web.Response:
        told = orjson.loads(await request.read())
        self.posts.append(told)
        del self.posts[:-MOST_PACKETS]
        parts = told.pop("seg", [])
        self.state.update({name: told[name] for name in ("on", "bri") if name in told})
        for part in parts:
            self.state["seg"][0].update(part)
        return _json({"success": True})


def _json(content: Any) -> web.Response:
    return web.Response(body=orjson.dumps(content), content_type="application/json")
