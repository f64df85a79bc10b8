"""How a query is answered: by its ids, by an index, or by walking in the order of ids.

The index is probed first. What it would cost to test all it offers is compared with how far a
walk would have to go until the page is full. Every way tests the exact condition on the
document, or leaves out of it what the index is known to have decided, so every way gives the
same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from broker.query.ast import EntityQuery
from broker.query.plan import (
    attributes,
    given_types,
    index_terms,
    required_ids,
    required_types,
)
from broker.store.contract import Kept
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.candidates import probe
from broker.store.sqlite.hops import hops
from broker.store.sqlite.names import Names
from broker.store.sqlite.pairs import Pairs
from broker.store.sqlite.pending import Pending
from broker.store.sqlite.plan import Plan, Row

Read: TypeAlias = Callable[[Budget], tuple[list[Row], int | None]]

MOST_TYPES: Final = 100
"""Types up to which a query is driven by type; beyond, all entities of the tenant are walked."""


def plan(
    tid: int,
    names: Names,
    pending: Pending,
    pairs: Pairs,
    query: EntityQuery,
    kept: Kept | None,
    committed: int,
    *,
    make: Callable[..., Plan] = Plan,
) -> Read:
    """Return the read that answers `query` for a tenant, by a plan that `make` makes.

    `committed` is the newest change known to be in the file.

    Names are resolved here, on the event loop, and so is what waits to be indexed; the read may
    then run anywhere.
    """
    where = query.where
    iris, ids = required_types(where), required_ids(where)
    types: list[int] | None = None
    if iris is not None:
        known = [(iri, nid) for iri in sorted(iris) if (nid := names.nid(iri)) is not None]
        if not known:
            return lambda budget: ([], 0 if query.count else None)
        if len(known) <= MOST_TYPES:
            types = [nid for _, nid in known]
            if ids is None:
                where = given_types(where, {iri for iri, _ in known})
    return make(
        tid=tid,
        query=query,
        types=types,
        ids=None if ids is None else sorted(ids),
        where=where,
        numbers={
            iri: names.nid(iri)
            for iri in (
                *attributes(where),
                *(iri for order in query.order for iri in order.path.names),
            )
        },
        probes=[
            probe(term, path, pending, committed)
            for term in index_terms(where)
            if (path := names.nid(term.attribute)) is not None
        ],
        hops=hops(where, names, pending, committed),
        pending=pending,
        pairs=pairs,
        kept=kept,
        committed=committed,
    ).run
