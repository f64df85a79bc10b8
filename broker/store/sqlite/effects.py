"""What a group of units of work does besides its SQL.

What is kept outside the file (names, rules, pairs) is changed at once and taken back by `undo`
where a unit of work or the commit fails; what readers may see only after the commit waits in
`publish`. Index rows wait at once, and are taken back by the changes they are of.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from broker.store.contract import Committed
from broker.store.sqlite.names import Undo
from broker.store.sqlite.pending import Pending

Mark: TypeAlias = tuple[int, int, int, int]
"""A place in the effects of a group, between two units of work: how many there were till then of
`undo`, `publish`, `counts` and `committed`.
"""

START: Final[Mark] = (0, 0, 0, 0)


class Effects:
    """The effects of the group in the open transaction; units of work add to them in turn.

    `pending` has all rows of the index that wait, `counts` differences by (tenant, type),
    `documents` entities after updates as they are stored, by change, where what was `committed`
    does not tell; `before` is the change before the group.
    """

    __slots__ = ("before", "committed", "counts", "documents", "pending", "publish", "undo")

    def __init__(self, seq: int, pending: Pending) -> None:
        """Begin a group after change `seq`."""
        self.before = seq
        self.undo: Undo = []
        self.publish: Undo = []
        self.counts: list[tuple[tuple[int, int], int]] = []
        self.committed: list[Committed] = []
        self.documents: dict[int, bytes] = {}
        self.pending = pending

    @property
    def seq(self) -> int:
        """The newest change in the transaction."""
        return self.before + len(self.committed)

    def take_back(self, mark: Mark = START, *, written: bool = True) -> None:
        """Undo and forget everything from `mark` on, newest first.

        Where nothing was `written` no index rows are looked for: each comes after what it is of.
        """
        for undo in reversed(self.undo[mark[0] :]):
            undo()
        parts: tuple[list[Any], ...] = (
            self.undo,
            self.publish,
            self.counts,
            self.committed,
        )
        for part, length in zip(parts, mark, strict=True):
            del part[length:]
        if written:
            self.pending.take_back(self.seq)

    def totals(self) -> dict[tuple[int, int], int]:
        """Return the differences of `counts`, each key once."""
        totals: dict[tuple[int, int], int] = {}
        for key, difference in self.counts:
            totals[key] = totals.get(key, 0) + difference
        return totals
