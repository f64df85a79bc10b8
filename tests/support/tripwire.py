"""A guard that hides whatever carries a mark: to find the paths on which hidden things leak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from broker.errors import Forbidden
from broker.guard import Action, Caller
from broker.model.entity import Attributes, Entity
from broker.query.ast import And, EntityQuery, HasType, IdMatches, Not
from broker.query.rewrite import hide_all
from broker.store.contract import Change, Committed

MARK: Final = "Zq7Mark"
MARKED_TYPE: Final = f"{MARK}Type"
MARKED_TYPE_IRI: Final = f"https://uri.etsi.org/ngsi-ld/default-context/{MARKED_TYPE}"


def marked(text: str) -> bool:
    """Tell whether a name, id or value carries the mark."""
    return MARK in text


def _refused() -> Forbidden:
    return Forbidden(
        "This caller may not do that.", place="caller", remedy="Ask for the permission."
    )


class TripwireGuard:
    """Hides entities with a marked id or type, and attributes and sub-attributes by their name.

    Callers may do what they like with the rest; administration is refused.
    """

    transparent = False

    def identify(self, headers: Mapping[bytes, bytes], address: str = "") -> Caller:
        """Return the same caller for everybody."""
        return Caller(client="visitor")

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        """Refuse administration, and the creation of marked ids whether they exist or not."""
        if action is Action.ADMINISTER:
            raise _refused()
        if action is Action.CREATE and entity_id is not None and marked(entity_id):
            raise _refused()

    def may_write(
        self, caller: Caller, tenant: str, before: Entity | None, after: Entity | None
    ) -> None:
        """Refuse changes of what is marked."""
        if after is not None and (
            any(map(marked, after["type"]))
            or _marked_part(after["attrs"]) != _marked_part((before or {}).get("attrs", {}))
        ):
            raise _refused()

    def narrow(self, caller: Caller, tenant: str, query: EntityQuery) -> EntityQuery:
        """Take marked entities and conditions on marked attributes out of reach."""
        seen = (Not(IdMatches(MARK)), Not(HasType(MARKED_TYPE_IRI)))
        return hide_all(query, marked, And(seen))

    def view(self, caller: Caller, tenant: str, entity: Entity) -> Entity | None:
        """Return the entity without what is marked."""
        if marked(entity["id"]) or any(map(marked, entity["type"])):
            return None
        attrs = _without_mark(entity["attrs"])
        return entity if attrs is entity["attrs"] else {**entity, "attrs": attrs}

    def lens(self, caller: Caller, tenant: str) -> str | None:
        """Return the one lens there is: everybody sees alike."""
        return "unmarked"

    def deliver(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
        """Return the change without what is marked."""
        sides = [
            None if side is None else self.view(caller, tenant, side)
            for side in (committed.before, committed.after)
        ]
        if sides == [None, None]:
            return None
        return Committed(_change(committed.change), sides[0], sides[1])


def _change(change: Change) -> Change:
    delta, before = (
        None if part is None else {**part, "attrs": _without_mark(part.get("attrs", {}))}
        for part in (change.delta, change.before)
    )
    return replace(change, delta=delta, before=before)


def _marked_part(attrs: Attributes) -> Attributes:
    return {iri: instances for iri, instances in attrs.items() if marked(iri)}


def _without_mark(attrs: Attributes) -> Attributes:
    kept: dict[str, dict[str, Any]] = {}
    changed = False
    for iri, instances in attrs.items():
        if marked(iri):
            changed = True
            continue
        kept[iri] = {}
        for dataset, instance in instances.items():
            below: Any = instance and instance.get("attrs")
            if below:
                left = _without_mark(below)
                if left is not below:
                    changed = True
                    instance = {**instance, "attrs": left}
                    if not left:
                        del instance["attrs"]
            kept[iri][dataset] = instance
    return kept if changed else attrs
