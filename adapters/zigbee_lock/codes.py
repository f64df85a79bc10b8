"""PIN codes: through the adapter's private door to a lock, and nowhere else.

    PUT    /locks/{device}/codes/{slot}    {"pin": "482913"}
    DELETE /locks/{device}/codes/{slot}

`device` is the id of the lock's Device, `tenant` a parameter. The answer comes when the lock has
confirmed: 200; 202 where it was told and has not confirmed in time; 4xx and 503 with the reason.
A code is never written to a file, a log or an entity; the slot's state is shown in `codeSlots`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from aiohttp import web

from adapters.contract import CommandFailed, UnknownDevice
from adapters.zigbee_lock.lock import BadCode, clear_code, set_code

PATIENCE: Final = 15.0
SET: Final = frozenset({"enabled", "set"})
CLEAR: Final = frozenset({"available", "cleared", "disabled"})

Find = Callable[[str, str], Awaitable[str]]
"""Returns a lock's name by tenant and Device id. Raises UnknownDevice, CommandFailed."""
Tell = Callable[[str, bytes], Awaitable[None]]
"""Sends a message to a lock by its name. Raises CommandFailed."""


class Busy(Exception):
    """The slot is being changed."""


class Codes:
    """Sets and clears the codes of locks, and waits until a lock confirms."""

    def __init__(self, find: Find, tell: Tell, patience: float = PATIENCE) -> None:
        self._find = find
        self._tell = tell
        self._patience = patience
        self._waiting: dict[tuple[str, str], tuple[frozenset[str], asyncio.Event]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for the private door."""
        path = r"/locks/{device}/codes/{slot:\d+}"
        return [web.put(path, self._set), web.delete(path, self._clear)]

    def confirmed(self, name: str, slots: dict[str, str]) -> None:
        """Take the states of the slots that a lock reports."""
        for slot, state in slots.items():
            wanted, done = self._waiting.get((name, slot), (frozenset(), None))
            if done is not None and state in wanted:
                done.set()

    async def change(self, name: str, slot: int, payload: bytes, wanted: frozenset[str]) -> bool:
        """Change a slot of a lock by its name; False where the lock does not confirm in time.

        Raises Busy, CommandFailed.
        """
        key = (name, str(slot))
        if key in self._waiting:
            raise Busy
        done = asyncio.Event()
        self._waiting[key] = (wanted, done)
        try:
            await self._tell(name, payload)
            await asyncio.wait_for(done.wait(), self._patience)
        except TimeoutError:
            return False
        finally:
            del self._waiting[key]
        return True

    async def _set(self, request: web.Request) -> web.Response:
        try:
            pin = orjson.loads(await request.read())["pin"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return _problem(400, 'the body is not {"pin": "…"}')
        if not isinstance(pin, str):
            return _problem(400, "a PIN is a text of digits")
        try:
            payload = set_code(int(request.match_info["slot"]), pin)
        except BadCode as fault:
            return _problem(422, str(fault))
        return await self._change(request, payload, SET)

    async def _clear(self, request: web.Request) -> web.Response:
        try:
            payload = clear_code(int(request.match_info["slot"]))
        except BadCode as fault:
            return _problem(422, str(fault))
        return await self._change(request, payload, CLEAR)

    async def _change(
        self, request: web.Request, payload: bytes, wanted: frozenset[str]
    ) -> web.Response:
        slot = int(request.match_info["slot"])
        try:
            name = await self._find(request.query.get("tenant", ""), request.match_info["device"])
        except UnknownDevice as fault:
            return _problem(404, str(fault))
        except CommandFailed as fault:
            return _problem(503, str(fault))
        try:
            confirmed = await self.change(name, slot, payload, wanted)
        except Busy:
            return _problem(409, "this slot is being changed")
        except CommandFailed as fault:
            return _problem(503, str(fault))
        if not confirmed:
            return web.json_response({"slot": slot, "state": "told"}, status=202)
        return web.json_response({"slot": slot, "state": "confirmed"})


def _problem(status: int, detail: str) -> web.Response:
    problem = {"title": "The code was not changed", "status": status, "detail": detail}
    return web.json_response(problem, status=status, content_type="application/problem+json")
