"""The HTTP side of the IoT agents: where devices post measures and fetch commands.

POST /iot/d?k=&i=[&t=][&getCmd=1]      Ultralight in the body; GET has it in `d`
POST /iot/json?k=&i=[&t=][&getCmd=1]   JSON; also /iot/json/attrs and /iot/json/attrs/<name>
POST /iot/json/commands?k=&i=          results of commands
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from aiohttp import web

from adapters.common.times import utc_now
from adapters.contract import BadPayload, Message, UnknownDevice
from adapters.iot_agent import iotjson, ultralight
from adapters.iot_agent.topics import JSON, ULTRALIGHT, Topic

MOST_BODY: Final = 65_536

Take = Callable[[Message], Awaitable[None]]
Check = Callable[[Message], None]
Fetch = Callable[[Topic], list[bytes]]


class South:
    """The HTTP door for devices.

    A message is answered when it is safely kept. `check` says at once what is wrong with one;
    it is kept all the same, so that staff can see it.
    """

    def __init__(self, take: Take, check: Check, fetch: Fetch) -> None:
        self._take = take
        self._check = check
        self._fetch = fetch

    def application(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=MOST_BODY)
        app.add_routes(
            [
                web.post("/iot/d", self._ultralight),
                web.get("/iot/d", self._ultralight),
                web.post("/iot/json", self._json),
                web.post("/iot/json/attrs", self._json),
                web.post(r"/iot/json/attrs/{attribute:[^/]+}", self._json),
                web.post("/iot/json/commands", self._results),
            ]
        )
        return app

    async def _ultralight(self, request: web.Request) -> web.Response:
        body = await _body(request)
        kind = "cmdexe" if ultralight.is_result(body) else "attrs"
        topic = _topic(request, ULTRALIGHT, kind)
        time = request.query.get("t")
        if body:
            timed = ultralight.with_time(body, time) if time and kind == "attrs" else body
            await self._keep(topic, timed)
        commands = self._commands(request, topic)
        return web.Response(body=b"#".join(commands), content_type="text/plain")

    async def _json(self, request: web.Request) -> web.Response:
        topic = _topic(request, JSON, "attrs", request.match_info.get("attribute", ""))
        body, time = await request.read(), request.query.get("t")
        if body:
            timed = iotjson.with_time(body, time) if time and not topic.attribute else body
            await self._keep(topic, timed)
        commands = [orjson.loads(command) for command in self._commands(request, topic)]
        merged = {name: part for command in commands for name, part in command.items()}
        return web.Response(body=orjson.dumps(merged), content_type="application/json")

    async def _results(self, request: web.Request) -> web.Response:
        await self._keep(_topic(request, JSON, "cmdexe"), await request.read())
        return web.Response(body=b"{}", content_type="application/json")

    async def _keep(self, topic: Topic, body: bytes) -> None:
        message = Message(str(topic), body)
        try:
            self._check(Message(str(topic), body, utc_now()))
        except UnknownDevice as fault:
            raise _refusal(web.HTTPNotFound, str(fault), "query:k") from fault
        except BadPayload as fault:
            await self._take(message)
            raise _refusal(web.HTTPBadRequest, fault.reason, fault.place) from fault
        await self._take(message)

    def _commands(self, request: web.Request, topic: Topic) -> list[bytes]:
        return self._fetch(topic) if request.query.get("getCmd") == "1" else []


def _topic(request: web.Request, protocol: str, kind: str, attribute: str = "") -> Topic:
    key, device = request.query.get("k", ""), request.query.get("i", "")
    for name, text in (("k", key), ("i", device)):
        if not text or set(text) & set("/+#"):
            place = f"query:{name}"
            raise _refusal(web.HTTPBadRequest, "missing, or with / + # in it", place)
    return Topic(protocol, key, device, kind, attribute)


async def _body(request: web.Request) -> bytes:
    if request.method == "GET":
        return request.query.get("d", "").encode()
    return await request.read()


def _refusal(kind: type[web.HTTPError], reason: str, place: str) -> web.HTTPError:
    """Return a ProblemDetails answer (RFC 9457)."""
    problem = {"title": kind.__name__.removeprefix("HTTP"), "detail": reason, "place": place}
    refusal = kind(text=orjson.dumps(problem).decode(), content_type="application/problem+json")
    refusal.charset = None
    return refusal
