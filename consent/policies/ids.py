"""Ids that name a type, `urn:ngsi-ld:<Type>:…`: other programs look an entity up by them. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from broker.model.entity import Entity
from consent.policies.rule import Rule
from consent.policies.sight import Sight

_NAMED: Final = re.compile(r"urn:ngsi-ld:([^:]+):", re.IGNORECASE)
_LOCAL: Final = re.compile(r"[^#/:]+$")


def types_by_name(rules: Iterable[Rule]) -> Mapping[str, frozenset[str]]:
    """Return the IRIs of the types that policies are about, by the names that ids have."""
    found = defaultdict[str, set[str]](set)
    for rule in rules:
        for iri in rule.types or ():
            if local := _LOCAL.search(iri):
                found[local[0].casefold()].add(iri)
    return {name: frozenset(iris) for name, iris in found.items()}


def may_be_named(sight: Sight, new: Entity, known: Mapping[str, frozenset[str]]) -> bool:
    """Tell whether whoever has this sight of creating may give a new entity its id.

    An id that names a type which the entity is not of is for those who may create that type:
    otherwise somebody could take the id that a claim, a wallet or a transfer is going to have.
    """
    named = _NAMED.match(new["id"])
    iris = known.get(named[1].casefold(), frozenset()) if named else frozenset()
    if not iris or not iris.isdisjoint(new["type"]):
        return True
    as_named: Entity = {**new, "type": [*new["type"], *sorted(iris)]}
    return sight.attributes(as_named) is not None and all(
        sight.gives(iri, as_named) for iri in iris
    )
