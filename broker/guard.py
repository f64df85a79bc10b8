"""The guard: who may see and do what, asked on every read and write.

A policy implements `Guard`; the broker calls it and never looks inside. `OpenGuard` allows
everything: an open NGSI-LD broker, as the conformance suites expect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from broker.errors import Forbidden
from broker.model.entity import Entity
from broker.query.ast import EntityQuery
from broker.store.contract import Committed


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the client program, the person behind it, their roles, and what for."""

    client: str = ""
    user: str | None = None
    roles: frozenset[str] = frozenset()
    purpose: str | None = None


class Action(StrEnum):
    """What a caller wants to do with entities."""

    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    SUBSCRIBE = "subscribe"
    ADMINISTER = "administer"


class Guard(Protocol):
    """The contract of a policy. Refusals are raised as `broker.errors.Forbidden`.

    A refusal must not depend on whether a hidden thing exists. `transparent` says that `view`
    never hides or changes anything, for any caller: the broker may then skip parsing a stored
    document only to show it, and answer from rendered bytes. `allow` is asked all the same.
    """

    transparent: bool

    def identify(self, headers: Mapping[bytes, bytes], address: str = "") -> Caller:
        """Return the caller a request's headers (lower-case names) stand for.

        `address` is the network address it came from, empty where that is not known.
        """
        ...

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        """Refuse an operation before anything is looked up. `entity_id` is None for sets."""
        ...

    def may_write(
        self, caller: Caller, tenant: str, before: Entity | None, after: Entity | None
    ) -> None:
        """Refuse a change, given the entity before and after, inside the writing transaction."""
        ...

    def narrow(self, caller: Caller, tenant: str, query: EntityQuery) -> EntityQuery:
        """Return the query with what the caller may not see taken out of its reach.

        Conditions on hidden attributes, and orders by them, must be rewritten so that their
        value cannot be probed (`broker.query.rewrite`). Returns the same object only where all
        that the query can find is shown as it is, whatever it holds.
        """
        ...

    def view(self, caller: Caller, tenant: str, entity: Entity) -> Entity | None:
        """Return the entity as the caller may see it, or None where it is hidden whole.

        Returns the same object where nothing is hidden; never changes it in place.
        """
        ...

    def lens(self, caller: Caller, tenant: str) -> str | None:
        """Return what `view` depends on besides the entity, None where it depends on more.

        As long as two callers have the same lens, or one has it at two times, an entity that does
        not change looks the same to both, and reading it is allowed to both or neither; so what was
        rendered for one does for the other.
        """
        ...

    def deliver(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
        """Decide on one live change at the moment it is sent: as it is, transformed, or None."""
        ...


def administers(guard: Guard, caller: Caller, tenant: str) -> bool:
    """Tell whether a caller may administer a tenant."""
    try:
        guard.allow(caller, tenant, Action.ADMINISTER, None)
    except Forbidden:
        return False
    return True


def refuses_nothing(guard: Guard) -> bool:
    """Tell whether `may_write` need not be asked: it is the open guard's, which lets all be."""
    return type(guard).may_write is OpenGuard.may_write


ANYONE = Caller()
"""A caller nothing is known of."""


class OpenGuard:
    """Allows everything (`--auth off`). The client is what the header `Machi-Client` claims."""

    transparent = True

    def identify(self, headers: Mapping[bytes, bytes], address: str = "") -> Caller:
        client = headers.get(b"machi-client")
        return ANYONE if client is None else Caller(client=client.decode("latin-1"))

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        return None

    def may_write(
        self, caller: Caller, tenant: str, before: Entity | None, after: Entity | None
    ) -> None:
        return None

    def narrow(self, caller: Caller, tenant: str, query: EntityQuery) -> EntityQuery:
        return query

    def view(self, caller: Caller, tenant: str, entity: Entity) -> Entity | None:
        return entity

    def lens(self, caller: Caller, tenant: str) -> str | None:
        return ""

    def deliver(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
        return committed
