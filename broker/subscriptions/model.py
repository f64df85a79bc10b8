"""The subscription as data (§5.2.12 to §5.2.15, §5.2.22, §5.2.33): all names are full IRIs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from broker.guard import ANYONE, Caller
from broker.model.older import CURRENT, Version
from broker.model.reduce import ALL, Projection
from broker.query.ast import Geo, Node


class Trigger(StrEnum):
    """What can happen to an entity that a subscriber is told of (`notificationTrigger`)."""

    ENTITY_CREATED = "entityCreated"
    ENTITY_UPDATED = "entityUpdated"
    ENTITY_DELETED = "entityDeleted"
    ATTRIBUTE_CREATED = "attributeCreated"
    ATTRIBUTE_UPDATED = "attributeUpdated"
    ATTRIBUTE_DELETED = "attributeDeleted"


DEFAULT_TRIGGERS: Final = (Trigger.ATTRIBUTE_CREATED, Trigger.ATTRIBUTE_UPDATED)


class Status(StrEnum):
    """What `status` says of a subscription."""

    ACTIVE = "active"
    PAUSED = "paused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Selector:
    """Which entities: by type selection (None for any), and by id, or by pattern."""

    types: Node | None = None
    ids: tuple[str, ...] = ()
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where notifications go. `timeout` and `cooldown` are milliseconds."""

    uri: str
    accept: str = "application/json"
    timeout: float | None = None
    cooldown: float | None = None
    receiver_info: tuple[tuple[str, str], ...] = ()
    notifier_info: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Notification:
    """How notifications look. `projection` is what `pick` and `omit` say together."""

    endpoint: Endpoint
    format: Literal["normalized", "concise", "simplified"] = "normalized"
    attributes: frozenset[str] | None = None
    projection: Projection = ALL
    sys_attrs: bool = False
    show_changes: bool = False
    join: Literal["flat", "inline"] | None = None
    join_level: int = 1


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription. Times are as their sender wrote them; intervals are seconds.

    `context` is the @context that names in notifications are compacted with, as a client would
    send it. `members` is what a client is shown: the document as it was sent, names expanded.
    """

    id: str
    notification: Notification
    entities: tuple[Selector, ...] = ()
    watched: frozenset[str] | None = None
    triggers: tuple[Trigger, ...] = DEFAULT_TRIGGERS
    q: Node | None = None
    geo: Geo | None = None
    scope: Node | None = None
    time_interval: float | None = None
    throttling: float | None = None
    expires_at: str | None = None
    is_active: bool = True
    datasets: frozenset[str] | None = None
    lang: str | None = None
    local_only: bool = False
    conformance: Version = CURRENT
    context: Any = None
    owner: Caller = ANYONE
    members: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def periodic(self) -> bool:
        """Tell whether it is told at intervals, not on changes."""
        return self.time_interval is not None
