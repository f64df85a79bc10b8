"""Conditions on linked entities as index terms: whose relationship leads to what an index finds.

What is said of the linked entities is looked up first. If an index offers few of them, their ids
are what the relationship's own index is asked for; the exact condition is tested as always.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from broker.query.ast import Linked, Node
from broker.query.plan import TEXT_LENGTH, IndexTerm, index_terms, required_types, spine
from broker.store.sqlite.candidates import Probe, candidates, probe
from broker.store.sqlite.connection import Run
from broker.store.sqlite.names import Names
from broker.store.sqlite.pairs import Pairs
from broker.store.sqlite.pending import Pending

MOST: Final = 500
"""Linked entities up to which their ids are looked for."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A relationship by name and number, and what serves the condition on what it leads to.

    `types` are those one of which a linked entity needs, None for any.
    """

    relationship: str
    path: int
    types: list[int] | None
    probes: list[Probe]
    hops: list[Hop]


@dataclass(frozen=True, slots=True)
class Resolver:
    """Turns hops into probes within one read. `pending` has what waits of their relationships."""

    run: Run
    tid: int
    pairs: Pairs
    every: list[int]
    pending: Pending

    def probe(self, hop: Hop) -> Probe | None:
        """Return the probe for entities with the relationship; None if no index serves it."""
        ids = self._linked(hop)
        if ids is None:
            return None
        # No relationship leads to the empty text, so that nothing is found where nothing is.
        values = tuple(entity_id[:TEXT_LENGTH] for entity_id in ids) or ("",)
        term = IndexTerm("txt", hop.relationship, values)
        return Probe(term, hop.path, self.pending.find(term, hop.path), frozenset(), [])

    def _linked(self, hop: Hop) -> list[str] | None:
        types = self.every if hop.types is None else hop.types
        inner = (self.probe(each) for each in hop.hops)
        for each in (*hop.probes, *(found for found in inner if found is not None)):
            if not types or self.pairs.exactness(types, each.path) is None:
                continue
            offered = candidates(each.term, each.path, types, each.waiting)
            rows = self.run(f"{offered.text} LIMIT {MOST + 1}", offered.bindings).fetchall()
            if len(rows) <= MOST:
                eids = orjson.dumps([eid for (eid,) in rows]).decode()
                return [
                    entity_id
                    for (entity_id,) in self.run(
                        "SELECT e.id FROM json_each(?) c CROSS JOIN entity e ON e.eid = c.value "
                        "WHERE e.tid = ?",
                        (eids, self.tid),
                    ).fetchall()
                ]
        return None


def relationships(hops: Sequence[Hop]) -> Iterator[int]:
    """Yield the numbers of the relationships that hops follow."""
    for hop in hops:
        yield hop.path
        yield from relationships(hop.hops)


def hops(node: Node, names: Names, pending: Pending, committed: int) -> list[Hop]:
    """Return the hops of the conditions that must hold; on the event loop only.

    `committed` is the newest change known to be in the file.
    """
    found = []
    for each in spine(node):
        if isinstance(each, Linked) and (path := names.nid(each.relationship)) is not None:
            iris = required_types(each.node)
            types = None if iris is None else [names.nid(iri) for iri in sorted(iris)]
            found.append(
                Hop(
                    each.relationship,
                    path,
                    None if types is None else [nid for nid in types if nid is not None],
                    [
                        probe(term, number, pending, committed)
                        for term in index_terms(each.node)
                        if (number := names.nid(term.attribute)) is not None
                    ],
                    hops(each.node, names, pending, committed),
                )
            )
    return found
