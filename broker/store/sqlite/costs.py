"""What the steps of a query cost, and so which way is shorter (pure). Microseconds, as measured.

Only their proportions matter: the same answer comes by every way.
"""

from __future__ import annotations

from typing import Final

from broker.query.plan import GeoTerm, IndexTerm
from broker.store.sqlite.candidates import Offer

PROBE: Final = 2_000
BOXES: Final = 2_500
"""Rows of an index, and boxes, from which on they are not listed before a way is chosen."""

COUNTED: Final = 8_000
"""Rows of an index up to which it is counted how many it has."""

WALK: Final = (500, 4_000, 15_500)
"""Entities a walk looks at, step by step, before it leaves the rest to an index."""
FIRST: Final = 24
"""The first step of a walk that tests geometries, which take longer."""

TEST: Final = 8.0
"""To test the document of one entity."""
GEOMETRY: Final = 500.0
"""To test as many geometries as fit on a page, where all satisfy the condition."""
BOX: Final = 0.5
"""To read one box."""
SORT: Final = 4.0
"""To put one candidate of an index in the order of ids."""
SIFT: Final = 0.35
"""To take one candidate of an index into a sieve."""
STEP: Final = 0.3
"""To pass one entity, or one row of an order, that is not in the sieve."""
KEY: Final = 5.0
"""To find the key of one entity in its document."""


def most_probed(term: IndexTerm | GeoTerm) -> int:
    """Return up to how many rows are counted of the index that serves a term."""
    return BOXES if isinstance(term, GeoTerm) else COUNTED


def steps(best: Offer, *, sifted: bool) -> tuple[int, ...]:
    """Return the steps of a walk beside an index.

    A sieve is made anew for each step and to pass entities costs little, so that a walk that
    sifts takes no short ones.
    """
    if sifted:
        return WALK[1:]
    return (FIRST, *WALK) if isinstance(best.probe.term, GeoTerm) else WALK


def boxes_are_shorter(found: int, walked: int, entities: int) -> bool:
    """Tell whether to read all boxes that meet a condition, to sift the rest of a walk with them.

    So many were found of those the walk has looked at.
    """
    share = max(1, found) / walked
    return share * entities * BOX < GEOMETRY / share


def _walked(found: int, wanted: int, entities: int) -> float:
    """Return how many entities are met until so many are found, if they are evenly spread."""
    return entities * min(1.0, wanted / max(1, found))


def index_is_shorter(found: int, wanted: int, entities: int) -> bool:
    """Tell whether to sort what an index offers rather than to sift it from a walk."""
    walk = found * SIFT + _walked(found, wanted, entities) * STEP
    return found * SORT < walk


def sieve_first(found: int, wanted: int, entities: int) -> bool:
    """Tell whether a walk should sift from the start, rather than first look a little way."""
    met = _walked(found, wanted, entities)
    return found * SIFT + met * STEP < met * TEST


def order_index_is_shorter(found: int, wanted: int, entities: int) -> bool:
    """Tell whether to read an order's index until the page is full, rather than to sort."""
    # Twice, for what is asked for and what it is ordered by often have to do with each other.
    return found * SIFT + 2 * _walked(found, wanted, entities) * STEP < found * KEY
