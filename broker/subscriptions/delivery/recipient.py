"""What delivery needs to know of a subscription, ready to be used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from broker.entities.links import Links
from broker.guard import Caller
from broker.model.entity import Entity
from broker.store.contract import Committed
from broker.store.outbox import Notice
from broker.subscriptions.delivery.quality import Quality
from broker.subscriptions.delivery.render import View
from broker.subscriptions.endpoint import Address

Shown: TypeAlias = Callable[[Notice, bool], list[dict[str, Any]]]
"""From a notice to what is told of it; whether with what only administrators see."""

Follow: TypeAlias = Callable[[Caller, Sequence[Entity]], Awaitable[Links]]
"""Finds the entities that some are linked with, as a caller may see them now."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A subscription as delivery sees it. `timeout` and `cooldown` are seconds.

    `owner` is whom the guard is asked about. `concerns` tells whether a change that a guard has
    taken parts from still fulfils the subscription, `wants` whether an entity does. `follow`
    finds linked entities where they are told too, `shown` what is about no entity.
    """

    sid: int
    tenant: str
    id: str
    created_at: str
    active: bool
    expires_at: str | None
    owner: Caller
    address: Address
    quality: Quality
    receiver_info: tuple[tuple[str, str], ...]
    timeout: float | None
    cooldown: float
    view: View
    concerns: Callable[[Committed], bool]
    wants: Callable[[Entity], bool]
    follow: Follow | None = None
    shown: Shown | None = None


@dataclass(frozen=True, slots=True)
class Unready:
    """A subscription that cannot be delivered to at present; `words` say why."""

    words: str


Known: TypeAlias = Recipient | Unready
