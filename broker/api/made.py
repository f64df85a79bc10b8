"""Who makes a tenant: who may create entities in it, and who administers it."""

from __future__ import annotations

from broker.api.broker import Broker
from broker.api.request import Request
from broker.guard import administers
from broker.store.refusals import nonexistent


async def check_made(broker: Broker, request: Request) -> None:
    """Refuse what makes a tenant by the way, unless the caller administers it.

    Raises NonexistentTenant. Whoever may follow what is open could otherwise make any number.
    """
    if not request.tenant or broker.guard.transparent:
        return
    if request.tenant in await broker.store.tenants():
        return
    if not administers(broker.guard, request.caller, request.tenant):
        raise nonexistent(request.tenant)
