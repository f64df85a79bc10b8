"""How an engine has answered a query, for people who wonder why it took so long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Way = Literal["nothing", "ids", "few", "index", "walk", "walk and index", "order", "order index"]
"""`nothing`: a name in it is unknown; `ids`: one by one; `few`: all an index offers, put in order;
`index`: what an index offers, in order until the page is full; `walk`: entities in order until the
page is full; `walk and index`: a bounded walk, then the index after all; `order`: all that match,
put in the order asked for; `order index`: an index that is in that order, until the page is full.
"""


@dataclass(frozen=True, slots=True)
class Probed:
    """An index that was asked: rows it offers, counted up to `most`; `exact` ones decide alone."""

    attribute: str
    index: Literal["numbers", "texts", "boxes"]
    rows: int
    most: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """The way a query took.

    `entities` is how many a walk could meet, `looked` how many documents were tested, `found` how
    many are on the page. `served` are attributes that an index could serve a condition on, `best`
    the most selective of those indexes. `offloaded` tells that it took too long for the event loop.
    """

    way: Way
    entities: int
    looked: int
    found: int
    total: int | None = None
    served: tuple[str, ...] = ()
    best: Probed | None = None
    offloaded: bool = False


def in_words(told: Explanation, shorten: Callable[[str], str]) -> str:
    """Return an explanation as sentences; `shorten` makes names of IRIs."""
    parts = [_way(told, shorten)]
    if told.best is None and told.way == "walk":
        parts.append(_no_index(told, shorten))
    parts.append(f"{told.looked} documents were looked at for {told.found} entities on the page.")
    if told.offloaded:
        parts.append("It took longer than the event loop may be held, and went on in a thread.")
    return " ".join(parts)


def _way(told: Explanation, shorten: Callable[[str], str]) -> str:
    best = told.best
    index = rows = ""
    if best is not None:
        index = f"The index of {best.index} on {shorten(best.attribute)}"
        rows = f"{best.rows} rows" if best.rows < best.most else f"{best.most} rows or more"
    match told.way:
        case "nothing":
            return "A type in it is the name of nothing here, so nothing was looked at."
        case "ids":
            return "It names ids, and each was looked up."
        case "few":
            kind = "decides its condition alone" if best and best.exact else "offers candidates"
            return f"{index} has few rows ({rows}); it {kind}, and all it has were put in order."
        case "index":
            return (
                f"{index} has {rows}, fewer than a walk would meet: they were put in the order "
                "of ids, and tested until the page was full."
            )
        case "walk and index":
            return (
                f"{index} has {rows}, so that a walk in the order of ids seemed shorter, which "
                "passes what the index does not offer; where a bounded walk does not fill the "
                "page, the index has the rest."
            )
        case "order":
            source = f"{index} has {rows}. " if best else ""
            return f"{source}All that match were put in the order asked for."
        case "order index":
            source = f"{index} has {rows}. " if best else ""
            return (
                f"{source}The index of the attribute that is ordered by was read in its order, "
                "until the page was full."
            )
    return (
        f"Entities were met in the order of ids, of {told.entities} in all, until the page was "
        "full."
    )


def _no_index(told: Explanation, shorten: Callable[[str], str]) -> str:
    if not told.served:
        return (
            "No condition is one that an index could serve: that are conditions on numbers, "
            "texts and places of attributes, joined to the rest by `;`."
        )
    names = ", ".join(shorten(iri) for iri in dict.fromkeys(told.served))
    return f"An index on {names} could serve, and is not kept for all the types there are."
