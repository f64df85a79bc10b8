"""Which attributes of which types are indexed, as the file has it.

The operator's choice may change between two starts; the file remembers, for each pair it has
met, what its index rows follow, and is brought in line when it is opened.
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.names import Undo

Indexed = Callable[[str, str], bool]
"""Whether (type IRI, attribute IRI) is indexed."""


class Pairs:
    """The pairs (type, attribute) as the writing transaction sees them."""

    def __init__(self, connection: apsw.Connection, indexed: Indexed | None) -> None:
        self._run = runner(connection)
        self._indexed = indexed
        self._known: dict[tuple[int, int], bool] = {
            (nid, path): bool(yes)
            for nid, path, yes in self._run("SELECT type, path, indexed FROM pair")
        }

    def indexed(self, nid: int, type_iri: str, path: int, iri: str, undo: Undo) -> bool:
        """Return whether a pair is indexed, deciding that when it is first met."""
        key = (nid, path)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._indexed is None or self._indexed(type_iri, iri)
            self._run("INSERT INTO pair VALUES (?, ?, ?)", (nid, path, known))
            undo.append(lambda: self._forget(key))
        return known

    def drop(self, tid: int, undo: Undo) -> None:
        """Delete the pairs of a tenant, whose numbers may then come to mean something else."""
        types = set(self._run("SELECT nid FROM name WHERE tid = ?", (tid,)).fetchall())
        dropped = {key: yes for key, yes in self._known.items() if (key[0],) in types}
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
