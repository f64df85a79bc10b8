"""A device made of software that speaks to IoT agents, over MQTT or HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from adapters.contract import Message
from adapters.iot_agent.topics import JSON, ULTRALIGHT, Topic, command_topic


class FakeThing:
    """A door with a thermometer (contract: `adapters.contract.FakeDevice`).

    `answer` is what it says to a command; None for one that does not answer.
    """

    def __init__(self, api_key: str, device: str, protocol: str = ULTRALIGHT) -> None:
        self.api_key = api_key
        self.device = device
        self.protocol = protocol
        self.answer: str | None = "done"
        self.status = 200
        self.commands: list[bytes] = []

    @property
    def listens_to(self) -> str:
        """Return the topic the device takes commands on."""
        return command_topic(self.api_key, self.device)

    def message(self, observed_at: str, **values: Any) -> Message:
        """Return the measures as the device sends them; without a time where it is empty."""
        topic = Topic(self.protocol, self.api_key, self.device, "attrs")
        if self.protocol == JSON:
            time = {"TimeInstant": observed_at} if observed_at else {}
            return Message(str(topic), orjson.dumps({**values, **time}))
        parts = [observed_at] if observed_at else []
        parts += [str(part) for pair in values.items() for part in pair]
        return Message(str(topic), "|".join(parts).encode())

    def result(self, payload: bytes) -> Message | None:
        """Return the device's answer to a command over MQTT."""
        self.commands.append(payload)
        if self.answer is None:
            return None
        topic = Topic(self.protocol, self.api_key, self.device, "cmdexe")
        return Message(str(topic), self.body(payload))

    def body(self, payload: bytes) -> bytes:
        """Return the text of the answer to a command."""
        if self.protocol == JSON:
            return orjson.dumps(dict.fromkeys(orjson.loads(payload), self.answer))
        return payload.partition(b"|")[0] + f"|{self.answer}".encode()

    def application(self, heard: Callable[[], None] = lambda: None) -> web.Application:
        """Return the device's own web server, for commands that are pushed to it."""

        async def command(request: web.Request) -> web.Response:
            payload = await request.read()
            self.commands.append(payload)
            heard()
            body = b"" if self.answer is None else self.body(payload)
            return web.Response(status=self.status, body=body)

        app = web.Application()
        app.add_routes([web.post("/commands", command)])
        return app
