"""Attributes that are exchanged without looking at the others (pure).

An engine may hand out entities whose attributes are parsed only when they are asked for
(`Lazy`). What edits such attributes keeps them as they are and puts its own
beside them, so that neither the edit nor what is written because of it has to touch the rest.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, ItemsView, Iterator, Mapping
from typing import Any, Final, TypeAlias

from broker.model.entity import Attributes, Instance

Changes: TypeAlias = Mapping[str, dict[str, Instance] | None]
"""Attribute IRI → its instances from now on; None where it is taken off."""

FEW: Final = 4
"""Attributes that are looked at one by one; of more, all are parsed at once."""


def edited(attrs: Attributes, changes: Changes) -> Attributes:
    """Return `attrs` with `changes` made; the argument stays as it is."""
    if type(attrs) is Edited:
        return Edited(attrs.base, {**attrs.changes, **changes})
    if not isinstance(attrs, dict):
        return Edited(attrs, changes)
    return {iri: now for iri, now in {**attrs, **changes}.items() if now is not None}


def candidates(before: Attributes, after: Attributes) -> Collection[str]:
    """Return the attributes that may differ; those left out are the same on both sides."""
    if before is after:
        return ()
    base = after
    changed: Changes = {}
    if type(after) is Edited:
        base, changed = after.base, after.changes
    if before is base:
        return changed
    if type(before) is Edited and before.base is base:
        return {**before.changes, **changed}
    return dict.fromkeys((*after, *before))


def whole(attrs: Attributes) -> Mapping[str, dict[str, Instance]]:
    """Return attributes of which many will be looked at, all parsed."""
    if type(attrs) is not dict and isinstance(attrs, Lazy):
        return attrs.whole()
    return attrs


class Lazy(Mapping[str, dict[str, Instance]]):
    """Attributes that are not a dict, and can become one."""

    __slots__ = ()

    @abstractmethod
    def whole(self) -> dict[str, dict[str, Instance]]:
        """Return all as a dict."""

    def items(self) -> ItemsView[str, dict[str, Instance]]:
        """Return all with their names."""
        return self.whole().items()


class Edited(Lazy):
    """Attributes of an engine with some exchanged. Nothing of `base` is copied or parsed."""

    __slots__ = ("base", "changes")

    def __init__(self, base: Attributes, changes: Changes) -> None:
        self.base = base
        self.changes = changes

    def __getitem__(self, iri: str) -> dict[str, Instance]:
        instances: dict[str, Instance] | None = self.get(iri)
        if instances is None:
            raise KeyError(iri)
        return instances

    def get(self, iri: str, default: Any = None) -> Any:
        """Return the instances of an attribute."""
        if iri in self.changes:
            instances = self.changes[iri]
            return default if instances is None else instances
        return self.base.get(iri, default)

    def __contains__(self, iri: object) -> bool:
        if iri in self.changes:
            return self.changes[iri] is not None  # type: ignore[index]
        return iri in self.base

    def __iter__(self) -> Iterator[str]:
        changes = self.changes
        for iri in self.base:
            if iri not in changes or changes[iri] is not None:
                yield iri
        for iri, instances in changes.items():
            if instances is not None and iri not in self.base:
                yield iri

    def whole(self) -> dict[str, dict[str, Instance]]:
        """Return all as a dict."""
        every = {**whole(self.base), **self.changes}
        return {iri: instances for iri, instances in every.items() if instances is not None}

    def __len__(self) -> int:
        length = len(self.base)
        for iri, instances in self.changes.items():
            length += (instances is not None) - (iri in self.base)
        return length
