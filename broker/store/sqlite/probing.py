"""Asking the indexes that could serve a query, and choosing the most selective one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from broker.query.plan import Exact, GeoTerm, IndexTerm
from broker.store.sqlite import costs
from broker.store.sqlite.candidates import (
    Offer,
    Probe,
    candidates,
    counted,
    gathered,
    listed,
)
from broker.store.sqlite.connection import Run
from broker.store.sqlite.entering import ALL_TYPES
from broker.store.sqlite.hops import Hop, Resolver
from broker.store.sqlite.pairs import Pairs
from broker.store.sqlite.pending import Pending

FEW: Final = 64
"""Rows of an index up to which it is used without a look at the alternative."""

TYPES: Final = 32
"""Types of a tenant up to which a query without a type may use the indexes by type."""


@dataclass(frozen=True, slots=True)
class Probing:
    """The indexes of a tenant, for one read."""

    run: Run
    tid: int
    pairs: Pairs
    pending: Pending

    def best(
        self, types: list[int] | None, probes: Sequence[Probe], hops: Sequence[Hop]
    ) -> Offer | None:
        """Return what the most selective index offers; None where none can serve.

        `types` are those of which an entity needs one, None for any.
        """
        best: Offer | None = None
        asked = self._indexed(types)
        for probe in (*probes, *self._resolved(hops)):
            exact = self.pairs.exactness(asked, probe.path) if asked else None
            if exact is None:
                continue
            offer = self._offer(probe, exact, asked)
            if best is None or _rows(offer) < _rows(best):
                best = offer
            if offer.few is not None:
                break
        return best

    def _offer(self, probe: Probe, exact: Exact, asked: list[int]) -> Offer:
        """Return what one index offers, listed where that is not much."""
        term = probe.term
        decided = isinstance(term, IndexTerm) and exact >= term.needs
        offered = candidates(term, probe.path, asked, probe.waiting, many=not decided)
        if isinstance(term, GeoTerm):
            most = costs.BOXES
            eids, count = gathered(self.run, offered, most)
        else:
            most = costs.PROBE
            eids, count = gathered(self.run, offered, FEW + 1)
            if count > FEW:
                count = counted(self.run, offered, costs.COUNTED)
                if count < most:
                    eids, count = gathered(self.run, offered, most)
        if count >= most:
            return Offer(probe, offered, decided, count, None, listed=False)
        few = list(dict.fromkeys(orjson.loads(eids))) if count <= FEW else None
        return Offer(probe, listed(eids), decided, count, few, listed=True)

    def _resolved(self, hops: Sequence[Hop]) -> Iterator[Probe]:
        """Yield the probes for conditions on linked entities."""
        if hops:
            resolver = Resolver(self.run, self.tid, self.pairs, self._indexed(None), self.pending)
            for hop in hops:
                found = resolver.probe(hop)
                if found is not None:
                    yield found

    def _indexed(self, types: list[int] | None) -> list[int]:
        """Return the types whose indexes are asked; none where there are too many of them."""
        if types is not None:
            return types
        rows = self.run(
            "SELECT type FROM counter WHERE tid = ? AND type <> ? AND n > 0 LIMIT ?",
            (self.tid, ALL_TYPES, TYPES + 1),
        ).fetchall()
        return [nid for (nid,) in rows] if len(rows) <= TYPES else []


def _rows(offer: Offer) -> int:
    """Return how many rows an index offers, as far as that is known."""
    known = offer.listed or isinstance(offer.probe.term, IndexTerm)
    return offer.count if known else costs.COUNTED
