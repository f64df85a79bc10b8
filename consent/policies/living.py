"""Policies as entities: `DataUsePolicy` in the default tenant, checked as they are written.

The policies of the file are the seed: one counts as long as no entity has its id. To take one out
of force, keep an entity of its id with the status `retired`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from broker.errors import BadRequestData
from broker.guard import Action
from broker.model.entity import DEFAULT, Entity
from broker.query.ast import EntityQuery, HasType
from broker.store.contract import Committed, Store
from consent.identity.model import Role
from consent.policies.document import MEMBERS, Expand, PolicyError, rules_of
from consent.policies.load import distinct
from consent.policies.rule import Rule

TENANT: Final = ""
_PAGE: Final = 500
_VALUES: Final = ("value", "json", "object", "vocab", "languageMap")


class LivingPolicies:
    """The policies in force: those of the store, and of the seed those that it does not have."""

    def __init__(
        self, seed: Iterable[Any], expand: Expand, decide_by: Callable[[Iterable[Rule]], None]
    ) -> None:
        """`decide_by` takes all rules whenever some change. Raises PolicyError for the seed."""
        self._expand = expand
        self._type = expand("DataUsePolicy")
        self._members = {expand(name): name for name in MEMBERS - {"@context", "id", "type"}}
        self._decide_by = decide_by
        self._seed = {one["id"]: rules_of(one, expand) for one in distinct(seed)}
        self._stored: dict[str, list[Rule]] = {}
        self._administrators = Rule(
            "administrators",
            actions=frozenset(Action) - {Action.ADMINISTER},
            types=frozenset((self._type,)),
            tenants=frozenset((TENANT,)),
            assignees=frozenset((f"role:{Role.ADMINISTRATOR}",)),
        )
        """Whatever the policies say, so that nobody locks everybody out of mending them."""
        self._apply()

    async def begin(self, store: Store) -> None:
        """Take in what the store has, then follow it. Raises PolicyError for what is faulty."""
        store.listen(self.commit)
        after: str | None = None
        while TENANT in await store.tenants():
            query = EntityQuery(HasType(self._type), limit=_PAGE, after=after)
            page = await store.query(TENANT, query)
            for record in page.records:
                self._stored[record.id] = self.read(record.entity)
            if len(page.records) < _PAGE:
                break
            after = page.records[-1].id
        self._apply()

    def check(self, tenant: str, entity: Entity) -> None:
        """Refuse a policy that cannot be read. Raises BadRequestData, which says where."""
        if tenant != TENANT or self._type not in entity["type"]:
            return
        try:
            self._lasts(entity)
            self.read(entity)
        except PolicyError as error:
            raise BadRequestData(
                f"This policy cannot be read: {error.detail}.",
                place=f"entity:{error.place}",
                remedy=error.remedy,
            ) from error

    def read(self, entity: Entity) -> list[Rule]:
        """Return the rules of a stored policy. Raises PolicyError."""
        document: dict[str, Any] = {"id": entity["id"], "type": "DataUsePolicy"}
        for iri, instances in entity["attrs"].items():
            member = self._members.get(iri)
            if member is None or instances.keys() != {DEFAULT}:
                raise PolicyError(
                    entity["id"],
                    f"/{member or iri}",
                    "the profile has no such attribute" if member is None else "it is there twice",
                    f"Leave it out; known are {', '.join(sorted(self._members.values()))}",
                )
            document[member] = _told(instances[DEFAULT])
        return rules_of(document, self._expand)

    def _lasts(self, entity: Entity) -> None:
        """Refuse a policy of which a part goes by itself. Raises PolicyError."""
        for iri, instances in entity["attrs"].items():
            if any("expiresAt" in instance for instance in instances.values()):
                raise PolicyError(
                    entity["id"],
                    f"/{self._members.get(iri, iri)}",
                    "a part of a policy does not expire",
                    "Give the whole policy an end, or use a constraint on dateTime.",
                )

    def commit(self, changes: Iterable[Committed]) -> None:
        """Take in what was committed: a listener of the store."""
        changed = False
        for one in changes:
            if one.change.tenant != TENANT:
                continue
            for side in (one.before, one.after):
                if side is not None and self._type in side["type"]:
                    self._stored.pop(side["id"], None)
                    changed = True
            if one.after is not None and self._type in one.after["type"]:
                self._stored[one.after["id"]] = self.read(one.after)
        if changed:
            self._apply()

    def _apply(self) -> None:
        policies = {**self._seed, **self._stored}
        self._decide_by(
            [self._administrators, *(rule for rules in policies.values() for rule in rules)]
        )


def _told(instance: Mapping[str, Any] | None) -> Any:
    """Return what an attribute says."""
    return next((instance[name] for name in _VALUES if instance and name in instance), None)
