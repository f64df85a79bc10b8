"""Which attributes of which types are indexed, as the file has it.

The operator's choice may change between two starts; the file remembers, for each pair it has
met, what its index rows follow, and is brought in line when it is opened. It also remembers how
far the rows of a pair decide a comparison on their own: as far as those of the worst value met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import apsw

from broker.query.plan import Exact
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.names import Undo

Indexed = Callable[[str, str], bool]
"""Whether (type IRI, attribute IRI) is indexed."""


class Pairs:
    """The pairs (type, attribute) as the writing transaction sees them.

    Readers may use it too: what is not committed yet only makes them more careful.
    """

    def __init__(self, connection: apsw.Connection, indexed: Indexed | None) -> None:
        self._run = runner(connection)
        self._indexed = indexed
        self._known: dict[tuple[int, int], Exact | None] = {
            (nid, path): Exact(exact) if yes else None
            for nid, path, yes, exact in self._run("SELECT type, path, indexed, exact FROM pair")
        }

    def indexed(self, nid: int, type_iri: str, path: int, iri: str, undo: Undo) -> bool:
        """Return whether a pair is indexed, deciding that when it is first met."""
        key = (nid, path)
        if key not in self._known:
            yes = self._indexed is None or self._indexed(type_iri, iri)
            self._known[key] = Exact.SINGLE if yes else None
            self._run("INSERT INTO pair VALUES (?, ?, ?, ?)", (nid, path, yes, Exact.SINGLE))
            undo.append(lambda: self._forget(key))
        return self._known[key] is not None

    def lower(self, nid: int, path: int, exact: Exact, undo: Undo) -> None:
        """Note that an attribute got a value whose rows decide no more than `exact`."""
        key = (nid, path)
        known = self._known[key]
        if known is not None and exact < known:
            self._known[key] = exact
            self._run(
                "UPDATE pair SET exact = ? WHERE type = ? AND path = ?", (int(exact), nid, path)
            )
            undo.append(lambda: self._known.__setitem__(key, known))

    def exactness(self, types: Iterable[int], path: int) -> Exact | None:
        """Return how exact an attribute's rows of some types are; None if not all are indexed."""
        least = Exact.SINGLE
        for nid in types:
            exact = self._known.get((nid, path), Exact.SINGLE)
            if exact is None:
                return None
            least = min(least, exact)
        return least

    def drop(self, tid: int, undo: Undo) -> None:
        """Delete the pairs of a tenant, whose numbers may then come to mean something else."""
        types = set(self._run("SELECT nid FROM name WHERE tid = ?", (tid,)).fetchall())
        dropped = {key: exact for key, exact in self._known.items() if (key[0],) in types}
        for key in dropped:
            del self._known[key]
        self._run("DELETE FROM pair WHERE type IN (SELECT nid FROM name WHERE tid = ?)", (tid,))
        undo.append(lambda: self._known.update(dropped))

    def _forget(self, key: tuple[int, int]) -> None:
        self._known.pop(key, None)


def differing(connection: apsw.Connection, indexed: Indexed | None) -> list[tuple[int, int, bool]]:
    """Return the pairs (type, attribute, wanted) that the operator wants otherwise."""
    run: Run = runner(connection)
    rows = run(
        "SELECT p.type, t.iri, p.path, a.iri, p.indexed FROM pair p "
        "JOIN name t ON t.nid = p.type JOIN name a ON a.nid = p.path"
    ).fetchall()
    return [
        (nid, path, wanted)
        for nid, type_iri, path, iri, yes in rows
        if (wanted := indexed is None or indexed(type_iri, iri)) != bool(yes)
    ]
