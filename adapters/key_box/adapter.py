"""The key box adapter: computes PINs for boxes that nothing reaches, and reads their receipts.

Beside the grants of `adapters.common.grants` its private door has

    GET  /locks/{device}/grants/{grant}/block   the PIN that staff type at the box to block it
    POST /locks/{device}/receipts               {"receipt": "482913", "from": "…Z", "to": "…Z"}
    POST /locks/{device}/simulation             {"pin": "482913057", "at": "…Z"}

A receipt is what the box shows when its key is back; the answer says the minute. A simulation is
for boxes made of software (`simulated`): the box takes a PIN and says why it opens or not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from adapters.common.access import (
    GrantAnswer,
    GrantOrder,
    GrantRefused,
    GrantState,
    LockRules,
)
from adapters.common.grants import routes
from adapters.common.host import Host
from adapters.common.registry import Registration, Registry
from adapters.common.times import utc_now
from adapters.contract import BadPayload, Message, Reading, UnknownDevice
from adapters.key_box.box import Box
from adapters.key_box.issued import ALWAYS, Issued
from adapters.key_box.manifest import MANIFEST
from adapters.key_box.master import MASTER, master_key
from adapters.key_box.offline_pin import (
    DIGITS,
    NoWindow,
    Tolerance,
    Window,
    block_pin,
    box_key,
    emergency_pin,
    pin,
    receipt,
    window,
)
from broker.client import Entity, value

LONGEST: Final = 7 * 24 * 60
"""Minutes in which a receipt is looked for: a week; the chance of a wrong match stays at 1 %."""


def build(host: Host) -> KeyBox:
    """Return the adapter for a host."""
    folder = host.settings.state / MANIFEST.name
    return KeyBox(host, folder, master_key(folder / MASTER))


class KeyBox:
    """Adapter of key boxes without network (contract: `adapters.contract.Adapter`).

    It takes no messages: nobody hears the boxes. `keyEpoch` of the Device says which of its keys
    a box has.
    """

    manifest = MANIFEST
    rules = LockRules(timed=True, computes=True, revocable=False, digits=DIGITS)

    def __init__(self, host: Host, folder: Path, master: bytes) -> None:
        self.health = host.health
        self._host = host
        self._master = master
        self._registry = Registry(host.clients, MANIFEST.name, lambda tenant, box: box["id"])
        self._issued = Issued(folder / "issued.db")
        self._simulated: dict[tuple[str, str], Box] = {}
        self.health.connected = True
        host.routes.extend(routes(self))
        path = "/locks/{device}"
        host.routes.extend(
            [
                web.get(path + "/grants/{grant}/block", self._block),
                web.post(path + "/receipts", self._receipt),
                web.post(path + "/simulation", self._simulate),
            ]
        )

    def decode(self, message: Message) -> Sequence[Reading]:
        """Refuse: boxes send no messages."""
        raise BadPayload("key boxes send no messages", place="topic")

    async def write(self, reading: Reading) -> bool:
        """Write nothing: boxes send no messages."""
        return False

    def sender(self, message: Message) -> str:
        """Name nobody: boxes send no messages."""
        return ""

    async def forgets(self, device: str) -> bool:
        """Say no: boxes send no messages."""
        return False

    async def knows(self, device: str) -> bool:
        """Say no: boxes send no messages."""
        return False

    async def clock_ahead(self, reading: Reading, seconds: float) -> None:
        """Do nothing: boxes send no messages."""

    async def run(self) -> None:
        """Keep the file of what is issued open until cancelled."""
        with contextlib.closing(self._issued):
            await asyncio.Event().wait()

    async def put(self, order: GrantOrder) -> GrantAnswer:
        """Compute a grant's PIN. Each grant of the same hours gets a PIN of its own."""
        key = await self._key(order)
        start, hours = _hours(order)
        given = await self._issued.give(order.tenant, order.device, order.grant, start, hours)
        if given is None:
            raise GrantRefused("windowUsedUp", status=409)
        return GrantAnswer(GrantState.ACTIVE, str(given.variance), _pin(key, given))

    async def look(self, order: GrantOrder) -> GrantAnswer:
        """Say whether a grant has its PIN, and which."""
        key = await self._key(order)
        given = await self._issued.find(order.tenant, order.device, order.grant)
        if given is None:
            return GrantAnswer(GrantState.GONE)
        return GrantAnswer(GrantState.ACTIVE, str(given.variance), _pin(key, given))

    async def remove(self, order: GrantOrder) -> GrantAnswer:
        """Say that a PIN stays: it can be blocked at the box and nowhere else."""
        await self._key(order)
        given = await self._issued.find(order.tenant, order.device, order.grant)
        return GrantAnswer(GrantState.GONE if given is None else GrantState.STAYS)

    async def _key(self, order: GrantOrder) -> bytes:
        box = (await self._device(order)).device
        return box_key(self._master, order.device, int(value(box, "keyEpoch", 0)))

    async def _device(self, order: GrantOrder) -> Registration:
        client = next((c for c in self._host.clients if c.tenant == order.tenant), None)
        if client is None:
            raise UnknownDevice("the adapter does not serve this tenant")
        return await self._registry.by_id(order.device, client)

    async def _block(self, request: web.Request) -> web.Response:
        order = _bare(request)
        try:
            key = await self._key(order)
        except UnknownDevice as fault:
            raise web.HTTPNotFound(text="unknownLock") from fault
        given = await self._issued.find(order.tenant, order.device, order.grant)
        if given is None or given.hours == ALWAYS:
            raise web.HTTPNotFound(text="no window is given to this grant")
        return web.json_response({"pin": block_pin(key, given)})

    async def _simulate(self, request: web.Request) -> web.Response:
        order = _bare(request)
        try:
            told = orjson.loads(await request.read())
            typed, at = str(told["pin"]), datetime.fromisoformat(told.get("at") or utc_now())
            key, device = await self._key(order), (await self._device(order)).device
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as fault:
            raise web.HTTPBadRequest(text="badRequest") from fault
        except UnknownDevice as fault:
            raise web.HTTPNotFound(text="unknownLock") from fault
        if value(device, "simulated") is not True:
            raise web.HTTPNotFound(text="this box is not made of software")
        kept = self._simulated.get((order.tenant, order.device))
        box = kept if kept and kept.key == key else Box(key, _tolerance(device))
        self._simulated[order.tenant, order.device] = box
        answer = box.enter(typed, at.timestamp())
        return web.json_response({"opens": answer.opens, "why": answer.why, "wait": answer.wait})

    async def _receipt(self, request: web.Request) -> web.Response:
        try:
            told: dict[str, Any] = orjson.loads(await request.read())
            shown = str(told["receipt"])
            first, last = (_minute(told[name]) for name in ("from", "to"))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as fault:
            raise web.HTTPBadRequest(text="badRequest") from fault
        try:
            key = await self._key(_bare(request))
        except UnknownDevice as fault:
            raise web.HTTPNotFound(text="unknownLock") from fault
        for minute in range(first, min(last, first + LONGEST)):
            if receipt(key, minute) == shown:
                at = datetime.fromtimestamp(minute * 60, UTC)
                return web.json_response({"at": at.isoformat()})
        raise web.HTTPNotFound(text="wrongReceipt")


def _tolerance(box: Entity) -> Tolerance:
    """Return what a box takes before and after a window, as its `pinPolicy` says."""
    policy = value(box, "pinPolicy", {})
    told = policy if isinstance(policy, dict) else {}
    return Tolerance(
        early=int(told.get("earlyGraceSeconds", 600)), late=int(told.get("lateGraceSeconds", 600))
    )


def _bare(request: web.Request) -> GrantOrder:
    tenant, known = request.query.get("tenant", ""), request.match_info
    return GrantOrder(tenant, known["device"], known.get("grant", ""))


def _minute(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() // 60)


def _hours(order: GrantOrder) -> tuple[int, int]:
    """Return start and hours of the window asked for. Raises GrantRefused."""
    if order.start is None or order.end is None:
        return 0, ALWAYS
    try:
        found = window(int(order.start.timestamp()), int(order.end.timestamp()))
    except NoWindow as fault:
        raise GrantRefused(fault.reason, status=422) from fault
    return found.start, found.hours


def _pin(key: bytes, given: Window) -> str:
    return emergency_pin(key, given.variance) if given.hours == ALWAYS else pin(key, given)
