"""From a row to the message that is sent for it, decided at the moment of sending."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson

from broker.errors import Forbidden
from broker.guard import Action, Guard, administers
from broker.model.change import changed_attributes
from broker.model.entity import Entity
from broker.store.contract import Committed
from broker.store.outbox import Notice, Outcome, Waiting
from broker.subscriptions.delivery.loops import Chains
from broker.subscriptions.delivery.message import Message, notification_id
from broker.subscriptions.delivery.recipient import Recipient
from broker.subscriptions.delivery.render import LD, message


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing is sent for the row; it ends like this."""

    outcome: Outcome
    words: str


_PAUSED = Silent(Outcome.CANCELLED, "The subscription is paused.")
_EXPIRED = Silent(Outcome.EXPIRED, "The subscription has expired.")
_WITHHELD = Silent(Outcome.WITHHELD, "The subscriber may not see this.")


async def prepare(
    row: Waiting,
    to: Recipient,
    guard: Guard,
    chains: Chains,
    now: str,
    again: Guard | None = None,
) -> Message | Silent:
    """Return the message of a row, or why there is none. `now` is the time of sending.

    `again` decides as `guard` does where a sender asks once more, and notes nothing.
    """
    if not to.active:
        return _PAUSED
    if to.expires_at is not None and to.expires_at <= now:
        return _EXPIRED
    reason, committed = None, None
    if row.notice is not None:
        found = _shown(row.notice, to, guard)
        if found is None:
            return _WITHHELD
        data, at, reason = found, row.queued_at, row.notice["triggerReason"]
    elif row.committed is None:
        seen = _visible_entities(row.entities, to, guard)
        if not seen:
            return _WITHHELD
        links = None if to.follow is None else await to.follow(to.owner, seen)
        data, at = to.view.entities(seen, links), row.queued_at
    else:
        committed = guard.deliver(to.owner, to.tenant, row.committed)
        if committed is None:
            return _WITHHELD
        if committed is not row.committed and not _concerns(committed, to):
            return _WITHHELD
        after = committed.after
        if to.follow is None or after is None:
            data = to.view.change(committed, keep=committed is row.committed)
        else:
            links = await to.follow(to.owner, [after])
            data = to.view.change(committed, keep=False, links=links)
        at = row.committed.change.at
    made = message(
        to.view,
        data,
        id=notification_id(to.created_at, row.sid, row.seq),
        subscription=to.id,
        at=at,
        tenant=to.tenant,
        receiver_info=to.receiver_info,
        chain=chains.header(row.sid, row.seq),
        reason=reason,
    )
    if row.notice is not None or guard.transparent:
        return made
    again = again or guard
    before: list[Any] = [committed] if committed is not None else _sights(row, to, again)
    return replace(made, holds=partial(_holds, row, to, again, before))


def _sights(row: Waiting, to: Recipient, guard: Guard) -> list[Any]:
    """Return what the guard lets see of a row."""
    if row.committed is not None:
        return [guard.deliver(to.owner, to.tenant, row.committed)]
    return [guard.view(to.owner, to.tenant, entity) for entity in row.entities]


def _holds(row: Waiting, to: Recipient, guard: Guard, seen: list[Any]) -> bool:
    return _sights(row, to, guard) == seen


def _shown(notice: Notice, to: Recipient, guard: Guard) -> bytes | None:
    """Return what a notice tells, as JSON; None where its receiver may not read."""
    assert to.shown is not None
    try:
        guard.allow(to.owner, to.tenant, Action.READ, None)
    except Forbidden:
        return None
    told = to.shown(notice, administers(guard, to.owner, to.tenant))
    if to.view.accept == LD:
        told = [{**one, "@context": to.view.context.source} for one in told]
    return orjson.dumps(told)


def _visible_entities(entities: Iterable[Entity], to: Recipient, guard: Guard) -> list[Entity]:
    seen = []
    for entity in entities:
        view = guard.view(to.owner, to.tenant, entity)
        if view is not None and (view is entity or to.wants(view)):
            seen.append(view)
    return seen


def _concerns(committed: Committed, to: Recipient) -> bool:
    """Tell whether what the guard left of a change is still what was subscribed to.

    Nothing may be told by a notification that came, or did not, about values that are hidden.
    """
    if not visible(committed):
        return False
    return to.concerns(committed)


def visible(committed: Committed) -> bool:
    """Tell whether anything of a change is left to see once a guard has been over it."""
    before, after = committed.before, committed.after
    if before is None or after is None:
        return True
    if any(
        iri in before["attrs"] or iri in after["attrs"]
        for iri in changed_attributes(committed.change)
    ):
        return True
    members = (before.keys() | after.keys()) - {"modifiedAt", "attrs"}
    return any(before.get(member) != after.get(member) for member in members)
