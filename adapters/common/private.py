"""The adapter's private door: an HTTP API on a Unix socket that only the owner can open.

    GET    /health                  what the adapter is and how it does
    GET    /quarantine              messages that could not be used, newest first, with reasons
    GET    /quarantine/{id}         one of them, with its payload (text where it is any, base64)
    POST   /quarantine/{id}/retry   try it again, for instance after its Device was created
    DELETE /quarantine/{id}         forget it
    GET    /decisions               what was decided on messages, newest first

Who decides says so: `?person=` (a staff number, never a name) and `&reason=` (a word). A staff page
uses it; an adapter may add routes, such as for door codes, which must not become broker attributes.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from adapters.common.files import private_folder
from adapters.common.quarantine import Outcome, Quarantine
from adapters.contract import Health, Manifest, Message

SOCKET = "adapter.sock"
PERSON: Final = re.compile(r"[A-Za-z0-9-]{1,20}")
REASON: Final = re.compile(r"[A-Za-z]{1,40}")


class PrivateDoor:
    """The door of one adapter. `again` puts a message back at the end of the spool."""

    def __init__(
        self,
        manifest: Manifest,
        health: Health,
        quarantine: Quarantine,
        again: Callable[[Message], Awaitable[None]],
        routes: Iterable[web.RouteDef] = (),
    ) -> None:
        self._manifest = manifest
        self._health = health
        self._quarantine = quarantine
        self._again = again
        self._app = web.Application()
        self._app.add_routes(
            [
                web.get("/health", self._show_health),
                web.get("/quarantine", self._list),
                web.get(r"/quarantine/{id:\d+}", self._show),
                web.post(r"/quarantine/{id:\d+}/retry", self._retry),
                web.delete(r"/quarantine/{id:\d+}", self._discard),
                web.get("/decisions", self._decisions),
                *routes,
            ]
        )

    @contextlib.asynccontextmanager
    async def open(self, folder: Path) -> Any:
        """Serve on a socket in the folder while the context lasts."""
        private_folder(folder)
        runner = web.AppRunner(self._app, access_log=None)
        await runner.setup()
        # The path of a Unix socket may have 107 bytes at most; a folder's own number is short.
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with contextlib.suppress(FileNotFoundError):
                (folder / SOCKET).unlink()
            await web.UnixSite(runner, f"/proc/self/fd/{number}/{SOCKET}").start()
            (folder / SOCKET).chmod(0o600)
            yield self
        finally:
            await runner.cleanup()
            os.close(number)

    async def _show_health(self, request: web.Request) -> web.Response:
        manifest = {
            "name": self._manifest.name,
            "title": self._manifest.title,
            "level": self._manifest.level.name.lower(),
            "protocols": self._manifest.protocols,
            "commands": self._manifest.commands,
        }
        return _json({"manifest": manifest, "health": asdict(self._health)})

    async def _list(self, request: web.Request) -> web.Response:
        return _json([asdict(held) for held in await self._quarantine.list()])

    async def _show(self, request: web.Request) -> web.Response:
        held, payload = await self._held(request)
        shown = {**asdict(held), "payload": base64.b64encode(payload).decode()}
        with contextlib.suppress(UnicodeDecodeError):
            shown["text"] = payload.decode()
        return _json(shown)

    async def _retry(self, request: web.Request) -> web.Response:
        person, reason = _decided(request)
        held, payload = await self._held(request)
        await self._again(Message(held.topic, payload, held.received))
        await self._quarantine.settle(held, Outcome.RETRIED, reason, person)
        return web.Response(status=204)

    async def _discard(self, request: web.Request) -> web.Response:
        person, reason = _decided(request)
        held, _ = await self._held(request)
        await self._quarantine.settle(held, Outcome.DISCARDED, reason, person)
        return web.Response(status=204)

    async def _decisions(self, request: web.Request) -> web.Response:
        return _json([asdict(one) for one in await self._quarantine.decisions()])

    async def _held(self, request: web.Request) -> Any:
        found = await self._quarantine.get(int(request.match_info["id"]))
        if found is None:
            raise web.HTTPNotFound(text="no message of this number is held")
        return found


def _decided(request: web.Request) -> tuple[str, str]:
    """Return who decides and why. Raises HTTPUnprocessableEntity."""
    person, reason = (request.query.get(name, "") for name in ("person", "reason"))
    if not PERSON.fullmatch(person) or not REASON.fullmatch(reason):
        raise web.HTTPUnprocessableEntity(
            text="say who decides and why: ?person= (1 to 20 letters, digits and hyphens)"
            " and &reason= (one word, such as deviceRegistered)"
        )
    return person, reason


def _json(content: Any) -> web.Response:
    return web.Response(body=orjson.dumps(content), content_type="application/json")
