"""The vendor's cloud and its locks, made of software, behind a real HTTP server.

A lock knows a PIN only after it was in step with the cloud (`sync`), as a battery lock that wakes
now and then, and judges times by its own clock and zone.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web

from adapters.remotelock.wire import local

Json = dict[str, Any]


@dataclass(slots=True)
class Fault:
    """What the next request meets: a status, or silence; with `after` it has its effect first."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    after: bool = False
    silent: bool = False


@dataclass(slots=True)
class FakeRemoteLock:
    """A door lock. `wrong` is by how many seconds its clock is ahead; `deaf` while out of reach."""

    id: str
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Tokyo"))
    state: str = "locked"
    power: int = 90
    deaf: bool = False
    refuses: bool = False
    wrong: float = 0.0
    codes: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def who(self, pin: str, now: datetime) -> str:
        """Return the person whose PIN opens at this moment; empty where it opens for nobody."""
        person, begins, ends = self.codes.get(pin, ("", "", ""))
        shown = local(now + timedelta(seconds=self.wrong), self.zone)
        opens = (not begins or begins <= shown) and (not ends or shown < ends)
        return person if opens else ""


class FakeCloud:
    """The cloud. `faults` are met by the next requests, one each; events go to `hook`.

    `twice` posts every event two times. Ids are numbered from `first` on.
    """

    def __init__(
        self, now: Callable[[], datetime] = lambda: datetime.now(UTC), first: int = 1
    ) -> None:
        self.now = now
        self.url = ""
        self.locks: dict[str, FakeRemoteLock] = {}
        self.persons: dict[str, Json] = {}
        self.accesses: dict[str, Json] = {}
        self.events: list[Json] = []
        self.faults: deque[Fault] = deque()
        self.asked: list[str] = []
        self.hook, self.secret = "", ""
        self.client = ("town", "vendor-secret")
        self.twice = False
        self._numbers = itertools.count(first)
        self._tokens: set[str] = set()

    def lock(self, name: str) -> FakeRemoteLock:
        """Return a new lock."""
        self.locks[name] = FakeRemoteLock(name)
        return self.locks[name]

    def sync(self) -> None:
        """Bring every lock within reach in step with the cloud."""
        for entry in self.accesses.values():
            lock = self.locks[entry["accessible_id"]]
            if lock.deaf or not entry["devices_pending_sync_count"]:
                continue
            person = self.persons[entry["access_person_id"]]
            failed = lock.refuses
            entry.update(
                devices_pending_sync_count=0,
                devices_failed_sync_count=int(failed),
                devices_synced_count=int(not failed),
            )
            if person["status"] == "deactivated":
                lock.codes.pop(person["pin"], None)
            elif not failed:
                times = (person.get("starts_at") or "", person.get("ends_at") or "")
                lock.codes[person["pin"]] = (entry["access_person_id"], *times)

    async def enter(self, name: str, pin: str) -> bool:
        """Type a PIN at a lock; say whether it opens."""
        lock = self.locks[name]
        person = lock.who(pin, self.now())
        lock.state = "unlocked" if person else lock.state
        await self.happens(
            name, "unlocked" if person else "access_denied", method="pin", pin=pin, person=person
        )
        return bool(person)

    async def happens(
        self, name: str, event: str, *, at: datetime | None = None, person: str = "", **more: Any
    ) -> Json:
        """Let something happen at a lock, and tell the webhook."""
        moment = at or self.now()
        told = {
            "type": f"{event}_event",
            "id": f"event-{next(self._numbers)}",
            "attributes": {
                "source": "user",
                "status": "succeeded",
                "time_zone": "Asia/Tokyo",
                "occurred_at": _utc(moment),
                "created_at": _utc(self.now()),
                "publisher_id": name,
                "publisher_type": "lock",
                "associated_resource_id": person or None,
                "associated_resource_type": "access_guest" if person else None,
                **more,
            },
        }
        self.events.append(told)
        if self.hook:
            async with aiohttp.ClientSession() as session:
                for _ in range(2 if self.twice else 1):
                    headers = {"X-Secret": self.secret}
                    async with session.post(self.hook, json={"data": told}, headers=headers):
                        pass
        return told

    @contextlib.asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[None]:
        """Serve the API on a port of this machine, a free one for 0; `url` says where."""
        app = web.Application(middlewares=[self._meet])
        person = "/access_persons/{id}"
        app.add_routes(
            [
                web.post("/oauth/token", self._token),
                web.get("/devices", self._devices),
                web.put("/devices/{id}/{order:lock|unlock}", self._order),
                web.get("/events", self._events),
                web.get("/access_persons", self._persons),
                web.post("/access_persons", self._create),
                web.get(person, self._one),
                web.put(person + "/deactivate", self._deactivate),
                web.get(person + "/accesses", self._list_accesses),
                web.post(person + "/accesses", self._give_access),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        host, chosen = runner.addresses[0][:2]
        self.url = f"http://{host}:{chosen}"
        try:
            yield
        finally:
            await runner.cleanup()

    def expire_tokens(self) -> None:
        """Let every token given out be good no more."""
        self._tokens.clear()

    @web.middleware
    async def _meet(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and fault.after:
            await self._allowed(request, handler)
        if fault is not None:
            if fault.silent:
                await asyncio.sleep(3600)
            return web.json_response(fault.body, status=fault.status, headers=fault.headers)
        answer: web.StreamResponse = await self._allowed(request, handler)
        return answer

    async def _allowed(self, request: web.Request, handler: Any) -> Any:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.path != "/oauth/token" and shown not in self._tokens:
            return web.json_response({"message": "unauthorized"}, status=401)
        return await handler(request)

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if (form.get("client_id"), form.get("client_secret")) != self.client:
            return web.json_response({"error": "invalid_client"}, status=401)
        token = f"token-{next(self._numbers)}"
        self._tokens.add(token)
        return web.json_response(
            {"access_token": token, "token_type": "bearer", "expires_in": 7199}
        )

    async def _devices(self, request: web.Request) -> web.Response:
        return _page(request, [self._device(lock) for lock in self.locks.values()])

    async def _order(self, request: web.Request) -> web.Response:
        lock = self.locks.get(request.match_info["id"])
        if lock is None:
            return web.json_response({"message": "not found"}, status=404)
        if not lock.deaf:
            lock.state = {"lock": "locked", "unlock": "unlocked"}[request.match_info["order"]]
        return web.json_response({"data": self._device(lock)})

    async def _events(self, request: web.Request) -> web.Response:
        newest = sorted(self.events, key=lambda e: e["attributes"]["created_at"], reverse=True)
        return _page(request, newest)

    async def _persons(self, request: web.Request) -> web.Response:
        wanted = request.query.get("type")
        shown = [_person(id_, p) for id_, p in self.persons.items() if p["type"] == wanted]
        return _page(request, shown)

    async def _create(self, request: web.Request) -> web.Response:
        told = await request.json()
        person = {**told["attributes"], "type": told["type"], "status": "upcoming"}
        taken = {p["pin"] for p in self.persons.values() if p["status"] != "deactivated"}
        if person["pin"] in taken:
            fault = {"attribute": "pin", "full_messages": ["Pin has already been taken"]}
            return web.json_response({"errors": [fault]}, status=422)
        id_ = f"person-{next(self._numbers)}"
        self.persons[id_] = person
        return web.json_response({"data": _person(id_, person)}, status=201)

    async def _one(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        if id_ not in self.persons:
            return web.json_response({"message": "not found"}, status=404)
        return web.json_response({"data": _person(id_, self.persons[id_])})

    async def _deactivate(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        if id_ not in self.persons:
            return web.json_response({"message": "not found"}, status=404)
        self.persons[id_]["status"] = "deactivated"
        for entry in self.accesses.values():
            if entry["access_person_id"] == id_:
                entry.update(devices_pending_sync_count=1, devices_synced_count=0)
        return web.json_response({"data": _person(id_, self.persons[id_])})

    async def _list_accesses(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        if id_ not in self.persons:
            return web.json_response({"message": "not found"}, status=404)
        found = [a for a in self.accesses.items() if a[1]["access_person_id"] == id_]
        return _page(request, [_access(*one) for one in found])

    async def _give_access(self, request: web.Request) -> web.Response:
        told = (await request.json())["attributes"]
        if told["accessible_id"] not in self.locks:
            return web.json_response({"message": "not found"}, status=404)
        id_ = f"access-{next(self._numbers)}"
        self.accesses[id_] = {
            **told,
            "access_person_id": request.match_info["id"],
            "devices_count": 1,
            "devices_synced_count": 0,
            "devices_pending_sync_count": 1,
            "devices_failed_sync_count": 0,
        }
        return web.json_response({"data": _access(id_, self.accesses[id_])}, status=201)

    def _device(self, lock: FakeRemoteLock) -> Json:
        attributes = {
            "name": lock.id,
            "state": lock.state,
            "power_level": lock.power,
            "connected": not lock.deaf,
        }
        return {"type": "lock", "id": lock.id, "attributes": attributes}


def _page(request: web.Request, found: list[Json]) -> web.Response:
    page, size = (int(request.query.get(n, d)) for n, d in (("page", 1), ("per_page", 25)))
    meta = {
        "page": page,
        "per_page": size,
        "total_count": len(found),
        "total_pages": max(1, -(-len(found) // size)),
    }
    return web.json_response({"data": found[(page - 1) * size : page * size], "meta": meta})


def _person(id_: str, person: Json) -> Json:
    rest = {name: part for name, part in person.items() if name != "type"}
    return {"type": person["type"], "id": id_, "attributes": rest}


def _access(id_: str, access: Json) -> Json:
    return {"type": "access_person_access", "id": id_, "attributes": access}


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
