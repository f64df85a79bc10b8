"""What a stream looks at: which entities, which of their changes, and how they are shown (pure)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol

from broker.model.change import changed_attributes
from broker.model.entity import Entity
from broker.model.names import Names
from broker.model.render import Form, render
from broker.query.ast import Node
from broker.query.plan import required_ids, required_types
from broker.query.predicate import Predicate, compile_predicate
from broker.store.contract import Committed
from broker.subscriptions.live.events import Told


class Context(Names, Protocol):
    """A JSON-LD context that can be told from others."""

    key: Hashable


class Lens:
    """A condition, a form, a context, and the attributes of which updates are told (None: all).

    Lenses with the same `key` tell the same of every change, so that streams that ask alike share
    one rendering. `ids` and `types` are what an entity needs one of to be seen at all; None: any.
    """

    __slots__ = (
        "context", "form", "holds", "ids", "key", "types", "watched", "where",
    )  # fmt: skip

    def __init__(
        self,
        where: Node,
        form: Form,
        context: Context,
        watched: frozenset[str] | None = None,
    ) -> None:
        self.where = where
        self.form = form
        self.context = context
        self.watched = watched
        self.holds: Predicate = compile_predicate(where)
        self.ids = required_ids(where)
        self.types = required_types(where)
        # By repr, not by equality: the conditions a==1 and a==true are equal to Python.
        self.key: Hashable = (repr(where), form, context.key, watched)

    def tell(self, one: Committed, *, numbered: bool = True) -> Told | None:
        """Return the event a change is, None where it is none; unnumbered it is no place."""
        was = one.before is not None and self.holds(one.before)
        after = one.after if one.after is not None and self.holds(one.after) else None
        if after is None and not was:
            return None
        changed = visibly_changed(one)
        if after is None:
            name = "delete" if one.after is None else "leave"
        elif not was:
            name = "enter"
        elif self.watched is None or not self.watched.isdisjoint(changed):
            name = "update"
        else:
            return None
        change = one.change
        data: dict[str, Any] = {"seq": change.seq} if numbered else {}
        data |= {
            "at": change.at,
            "version": change.version,
            "id": change.entity_id,
            "type": self._types(one.after or one.before or {}),
            "changed": sorted(map(self.context.compact, changed)),
            "entity": None if after is None else render(after, self.context, self.form),
        }
        return Told(name, change.seq if numbered else None, data)

    def show(self, entity: Entity, version: int) -> Told:
        """Return the event by which an entity is part of a snapshot."""
        data = {
            "version": version,
            "id": entity["id"],
            "type": self._types(entity),
            "changed": [],
            "entity": render(entity, self.context, self.form),
        }
        return Told("enter", None, data)

    def _types(self, entity: Entity) -> str | list[str]:
        names = [self.context.compact(iri) for iri in entity["type"]]
        return names[0] if len(names) == 1 else names


def visibly_changed(one: Committed) -> set[str]:
    """Return the IRIs of the attributes that changed, as far as one side of the change has them."""
    return {
        iri
        for iri in changed_attributes(one.change)
        if any(side is not None and iri in side["attrs"] for side in (one.before, one.after))
    }


def visible(one: Committed) -> bool:
    """Tell whether anything of a change is left to see once the guard has been over it."""
    if one.before is None or one.after is None or visibly_changed(one):
        return True
    members = (one.before.keys() | one.after.keys()) - {"modifiedAt", "attrs"}
    return any(one.before.get(member) != one.after.get(member) for member in members)
