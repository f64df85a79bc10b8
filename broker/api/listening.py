"""What streams share, however they travel: who listens, from where, to what."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from broker.api import params
from broker.api.asked import Asked
from broker.api.broker import Broker
from broker.api.selection import where
from broker.api.view import form_of
from broker.errors import BadRequestData, Forbidden, NonexistentTenant
from broker.guard import Action, Caller
from broker.jsonld.context import Context
from broker.query.ast import And
from broker.subscriptions.live import Follower, Lens, Told
from broker.subscriptions.live.snapshot import Snapshot
from broker.subscriptions.live.stream import tell
from broker.subscriptions.live.tickets import Holder


async def listener(
    broker: Broker,
    headers: Mapping[bytes, bytes],
    query: Mapping[str, str],
    known: Holder,
    *,
    socket: bool = False,
) -> Holder:
    """Return who listens to which tenant: by ticket where there is one, else as is `known`.

    `socket` tells of a WebSocket: browsers send cookies along with it from any page, so that
    letting in all pages (`--allow-origin '*'`) does not let them open one.
    Raises Forbidden, TooManyStreams, ServiceUnavailable, NonexistentTenant.
    """
    _check_origin(broker, headers, any_page=not socket)
    ticket = query.get("ticket")
    holder = known
    if ticket is not None:
        named = "tenant" in query or b"ngsild-tenant" in headers
        holder = broker.tickets.use(ticket, known.tenant if named else None)
    broker.guard.allow(holder.caller, holder.tenant, Action.READ, None)
    broker.seats.check(holder.caller)
    await check_tenant(broker, headers, holder.tenant)
    return holder


async def check_tenant(broker: Broker, headers: Mapping[bytes, bytes], tenant: str) -> None:
    """Raise NonexistentTenant where there is nothing to follow."""
    if tenant not in await broker.store.tenants():
        raise NonexistentTenant(
            f"There is no tenant `{tenant}`.",
            place="header:NGSILD-Tenant" if b"ngsild-tenant" in headers else "query:tenant",
            remedy="A tenant comes into being with the first entity created in it.",
        )


def lens(asked: Asked, context: Context) -> Lens:
    """Return what a stream's parameters ask to see; raises the errors of their grammars."""
    form = form_of(asked, context, 0)
    nodes = where(asked, context, form.attrs)
    node = nodes[0] if len(nodes) == 1 else And(tuple(nodes))
    names = params.names(asked, "watchedAttributes")
    watched = None if names is None else frozenset(map(context.expand, names))
    return Lens(node, form, context, watched)


def place(text: str | None, head: int, where_from: str) -> int:
    """Return the place to resume from, the newest change where none is given."""
    if not text:
        return head
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequestData(
            "This is not an event id of this stream.",
            place=where_from,
            remedy="Send the id of the last event you got, or nothing to start now.",
        )
    return int(text)


def follow(
    broker: Broker, holder: Holder, lens: Lens, after: int, *, snapshot: bool, resumed: bool
) -> tuple[Follower, AsyncGenerator[list[Told], None]]:
    """Return a follower and the batches of what it is told; an empty batch is a heartbeat."""
    caller: Caller = holder.caller
    follower = Follower(broker.feed, broker.guard, caller, holder.tenant, lens, after)
    shown = Snapshot(broker.store, broker.guard, caller) if snapshot else None
    return follower, tell(follower, broker.settings.heartbeat, shown, resumed=resumed)


def _check_origin(broker: Broker, headers: Mapping[bytes, bytes], *, any_page: bool) -> None:
    """Refuse pages of other sites: a browser lends them its user's cookies."""
    origin = headers.get(b"origin")
    if origin is None:
        return
    text = origin.decode("latin-1").lower()
    host = headers.get(b"host", b"").decode("latin-1").lower()
    own = text.partition("://")[2] == host and bool(host)
    allowed = broker.settings.allow_origins
    if not own and text not in allowed and not (any_page and "*" in allowed):
        raise Forbidden(
            "Pages of this origin may not listen here.",
            place="header:Origin",
            remedy="Serve the page from the broker's own address, or start the broker with "
            "--allow-origin ORIGIN.",
        )
