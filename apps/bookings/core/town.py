"""All spaces of a town together: what shares parts with what, and what opens it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from apps.bookings.core.hours import Hours
from apps.bookings.core.rules import NotBookable
from apps.bookings.core.spaces import BadSpace, Space, leaves, read_space
from broker.client import Entity


@dataclass(frozen=True)
class Town:
    """All spaces as read at one time; those that cannot be read are named in `broken`."""

    spaces: Mapping[str, Space]
    broken: tuple[str, ...] = ()

    def space(self, space_id: str) -> Space:
        """Return a space. Raises NotBookable."""
        space = self.spaces.get(space_id)
        if space is None:
            raise NotBookable("no_space")
        return space

    def leaves(self, space: Space) -> frozenset[str]:
        """Return the ids of the spaces without parts that a space is made of."""
        return self._leaves[space.id]

    def related(self, space: Space) -> list[Space]:
        """Return the spaces that share a part with one, itself included."""
        own = self.leaves(space)
        return [one for one in self.spaces.values() if own & self.leaves(one)]

    def hours(self, space: Space) -> Hours:
        """Return a space's hours with the closures of all that share a part with it."""
        closures = tuple(one for part in self.related(space) for one in part.hours.closures)
        return replace(space.hours, closures=closures)

    def locks(self, space: Space) -> tuple[str, ...]:
        """Return the locks that open a space: its own, else those of its parts."""
        parts = [lock for leaf in sorted(self.leaves(space)) for lock in self.spaces[leaf].locks]
        return tuple(dict.fromkeys(space.locks or parts))

    @cached_property
    def _leaves(self) -> dict[str, frozenset[str]]:
        return {one.id: frozenset(leaves(one, self.spaces)) for one in self.spaces.values()}


def read_town(entities: list[Entity]) -> Town:
    """Return the spaces of entities; those that cannot be read are named, and left out."""
    spaces, broken = {}, []
    for entity in entities:
        try:
            space = read_space(entity)
        except BadSpace as error:
            broken.append(str(error))
        else:
            spaces[space.id] = space
    while True:
        bad = [one.id for one in spaces.values() if not _whole(one, spaces)]
        if not bad:
            return Town(spaces, tuple(broken))
        broken += [f"{one}: a part of it is missing, or it is a part of itself" for one in bad]
        spaces = {name: one for name, one in spaces.items() if name not in bad}


def _whole(space: Space, spaces: Mapping[str, Space]) -> bool:
    try:
        leaves(space, spaces)
    except BadSpace:
        return False
    return True
