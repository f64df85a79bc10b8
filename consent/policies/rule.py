"""One rule of a policy: which callers may, or may not, do what to which part of the town."""

from __future__ import annotations

from dataclasses import dataclass

from broker.guard import Action
from broker.query.ast import And, HasType, IdIn, Node, Or
from broker.query.rewrite import EVERYTHING
from consent.identity.model import Client
from consent.transform.apply import Transform


@dataclass(frozen=True, slots=True)
class Rule:
    """A permission, or a prohibition that takes something out of all permissions.

    None stands for all: every caller, every type, every attribute, every tenant, any purpose.
    Names are IRIs. `where` are the further conditions on the entity (scope, area). `since` and
    `until` bound when it holds, as a `broker.clock.Clock` gives times.
    """

    policy: str
    permits: bool = True
    actions: frozenset[Action] = frozenset((Action.READ, Action.SUBSCRIBE))
    types: frozenset[str] | None = None
    attributes: frozenset[str] | None = None
    ids: frozenset[str] | None = None
    where: Node = EVERYTHING
    tenants: frozenset[str] | None = None
    assignees: frozenset[str] | None = None
    purposes: frozenset[str] | None = None
    since: str | None = None
    until: str | None = None
    transform: tuple[Transform, ...] = ()
    """How attributes are shown: where no other permission shows them as they are."""
    group: int | None = None
    """The `minimumGroupSize`, where a policy of counts has one."""
    veiled: frozenset[str] = frozenset()
    """Attributes that are not shown though all are: other permissions may show them."""
    kind: str = "internal"
    """The `policyKind`: those that are not `publicOpen` or `internal` may be about persons."""

    def applies(self, client: Client | None, purpose: str | None, tenant: str, now: str) -> bool:
        """Tell whether the rule is about a caller, in a tenant, at a time. None is anybody."""
        if self.tenants is not None and tenant not in self.tenants:
            return False
        if (self.since is not None and now < self.since) or (
            self.until is not None and now >= self.until
        ):
            return False
        if self.purposes is not None and purpose not in self.purposes:
            return False
        return self.names(client)

    def names(self, client: Client | None) -> bool:
        """Tell whether a caller is among the assignees. None is anybody."""
        return self.assignees is None or any(
            client.name == name if kind == "client" else client.has(name)
            for kind, _, name in (each.partition(":") for each in self.assignees)
            if client is not None
        )

    @property
    def plain(self) -> bool:
        """Whether the rule is about all of some types, with every attribute."""
        everything = self.attributes is None and self.ids is None and self.where == EVERYTHING
        everything = everything and not self.transform and not self.veiled
        return everything and self.types is not None

    @property
    def rows(self) -> Node:
        """The entities that the rule is about, as a condition."""
        parts: list[Node] = []
        if self.types is not None:
            parts.append(Or(tuple(HasType(iri) for iri in sorted(self.types))))
        if self.ids is not None:
            parts.append(IdIn(tuple(sorted(self.ids))))
        if self.where != EVERYTHING:
            parts.append(self.where)
        return parts[0] if len(parts) == 1 else And(tuple(parts))
