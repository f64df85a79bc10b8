"""Grants as code slots: a Zigbee lock knows no times, so codes are put and cleared on time.

A slot is given to one grant until the lock has confirmed that it is clear.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from adapters.common.access import (
    GrantAnswer,
    GrantOrder,
    GrantRefused,
    GrantState,
    LockRules,
)
from adapters.common.registry import Registration
from adapters.zigbee_lock.codes import CLEAR, SET, Busy, Codes
from adapters.zigbee_lock.lock import BadCode, clear_code, set_code
from adapters.zigbee_lock.slots import Slots
from broker.client import value

DIGITS: Final = 7
MOST: Final = 20
"""Slots a lock has where its `pinPolicy` does not say (`maxActiveCodes`)."""

Find = Callable[[str, str], Awaitable[Registration]]
"""Returns a lock by tenant and Device id. Raises UnknownDevice."""


class CodeGrants:
    """Puts, reads back and clears the codes of grants (`adapters.common.access.LockAdapter`)."""

    rules = LockRules(timed=False, computes=False, revocable=True, digits=DIGITS)

    def __init__(self, codes: Codes, slots: Slots, find: Find) -> None:
        self._codes = codes
        self._slots = slots
        self._find = find

    async def put(self, order: GrantOrder) -> GrantAnswer:
        """Put a grant's code into a slot of its own."""
        lock = await self._reachable(order)
        slots = value(lock.device, "codeSlots", {}) or {}
        free = [slot for slot in range(1, _most(lock) + 1) if slots.get(str(slot)) not in SET]
        slot = await self._slots.give(order.tenant, order.device, order.grant, free)
        if slot is None:
            raise GrantRefused("noFreeSlot", status=409)
        try:
            payload = set_code(slot, order.pin)
        except BadCode as fault:
            await self._slots.free(order.tenant, order.device, order.grant)
            raise GrantRefused("badPin", status=422) from fault
        done = await self._change(lock.address, slot, payload, SET)
        return GrantAnswer(GrantState.ACTIVE if done else GrantState.SENT, str(slot))

    async def look(self, order: GrantOrder) -> GrantAnswer:
        """Return what the lock last reported of the grant's slot."""
        lock = await self._find(order.tenant, order.device)
        slot = await self._slots.find(order.tenant, order.device, order.grant)
        if slot is None:
            return GrantAnswer(GrantState.GONE)
        slots = value(lock.device, "codeSlots", {}) or {}
        state = GrantState.ACTIVE if slots.get(str(slot)) in SET else GrantState.SENT
        return GrantAnswer(state, str(slot))

    async def remove(self, order: GrantOrder) -> GrantAnswer:
        """Clear the grant's slot."""
        slot = await self._slots.find(order.tenant, order.device, order.grant)
        if slot is None:
            return GrantAnswer(GrantState.GONE)
        lock = await self._reachable(order)
        if not await self._change(lock.address, slot, clear_code(slot), CLEAR):
            return GrantAnswer(GrantState.GOING, str(slot))
        await self._slots.free(order.tenant, order.device, order.grant)
        return GrantAnswer(GrantState.GONE)

    async def _reachable(self, order: GrantOrder) -> Registration:
        lock = await self._find(order.tenant, order.device)
        if value(lock.device, "availability") == "offline":
            raise GrantRefused("lockUnreachable")
        return lock

    async def _change(self, name: str, slot: int, payload: bytes, wanted: frozenset[str]) -> bool:
        try:
            return await self._codes.change(name, slot, payload, wanted)
        except Busy as fault:
            raise GrantRefused("busy") from fault


def _most(lock: Registration) -> int:
    policy = value(lock.device, "pinPolicy", {})
    most = policy.get("maxActiveCodes", MOST) if isinstance(policy, dict) else MOST
    return most if isinstance(most, int) and 0 < most <= 250 else MOST
