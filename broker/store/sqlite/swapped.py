"""What a swap tells: kept as it came about, and made into entities when somebody looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from broker.model.attributes import Edited
from broker.model.entity import DEFAULT, Entity, Instance
from broker.store.contract import Change, Committed, Kind, Record
from broker.store.sqlite.documents import OPEN, StoredAttributes
from broker.store.sqlite.names import Names


class Exchange(Change):
    """The change of one instance for another, whose `delta` and `before` are made when asked for.

    `parts` are the attribute, the new instance and the old one, and the time of the entity before.
    """

    __slots__ = ("_parts",)

    def __init__(
        self,
        seq: int,
        tenant: str,
        entity_id: str,
        version: int,
        kind: Kind,
        at: str,
        delta: dict[str, Any] | None = None,
        before: dict[str, Any] | None = None,
        parts: tuple[str, Instance, Instance, bytes] | None = None,
    ) -> None:
        """Begin with `parts`, or with both sides as any other change does."""
        self.seq = seq
        self.tenant = tenant
        self.entity_id = entity_id
        self.version = version
        self.kind = kind
        self.at = at
        self._parts = parts
        if parts is None:
            self.delta = delta
            self.before = before

    def __getattr__(self, name: str) -> Any:
        if name not in ("delta", "before") or self._parts is None:
            raise AttributeError(name)
        iri, new, old, then = self._parts
        self.delta = {"modifiedAt": self.at, "attrs": {iri: {DEFAULT: new}}}
        self.before = {"modifiedAt": then.decode(), "attrs": {iri: {DEFAULT: old}}}
        return self.delta if name == "delta" else self.before

    def __eq__(self, other: object) -> bool:
        return _fields(self) == _fields(other) if isinstance(other, Change) else NotImplemented


def _fields(change: Change) -> tuple[Any, ...]:
    about = (change.seq, change.tenant, change.entity_id, change.version, change.kind, change.at)
    return *about, change.delta, change.before


class Swapped(Committed):
    """What a swap did, with the entity before and after made when somebody looks at it."""

    __slots__ = (
        "_document",
        "_end",
        "_entities",
        "_head",
        "_line",
        "_names",
        "_start",
        "_time",
        "_types",
    )

    def __init__(
        self,
        change: Change,
        document: bytes,
        head: int,
        time: int,
        start: int,
        end: int,
        line: bytes,
        types: tuple[str, ...],
        names: Names,
    ) -> None:
        """`document` is the entity before, whose attributes begin at `head`.

        At `time` stands when it was modified, and from `start` to `end` the attribute in the place
        of which `line` has come.
        """
        self.change = change
        self._document = document
        self._head = head
        self._time = time
        self._start = start
        self._end = end
        self._line = line
        self._types = types
        self._names = names
        self._entities: tuple[Entity, Entity] | None = None

    @property
    def types(self) -> Sequence[str]:
        """The entity's types, which a swap leaves as they are."""
        return self._types

    @property
    def before(self) -> Entity:  # type: ignore[override]
        """The entity before."""
        return (self._entities or self._make())[0]

    @property
    def after(self) -> Entity:  # type: ignore[override]
        """The entity after."""
        return (self._entities or self._make())[1]

    @property
    def stored(self) -> bytes:
        """The entity after, as it is stored."""
        document, stamp = self._document, self.change.at.encode()
        rest = document[self._time + len(stamp) : self._start]
        return b"".join((document[: self._time], stamp, rest, self._line, document[self._end :]))

    def _make(self) -> tuple[Entity, Entity]:
        was, now = self.change.before, self.change.delta
        assert was is not None
        assert now is not None
        before: Entity = orjson.loads(self._document[: self._head] + b'"attrs":0}')
        start, known = self._head + len(OPEN), dict(was["attrs"])
        before["attrs"] = attrs = StoredAttributes(self._document, start, self._names, known)
        after = {**before, "modifiedAt": self.change.at, "attrs": Edited(attrs, now["attrs"])}
        self._entities = before, after
        return self._entities


class SwappedRecord(Record):
    """The record a swap stored."""

    __slots__ = ("_swapped",)

    def __init__(self, swapped: Swapped) -> None:
        self._swapped = swapped

    @property
    def id(self) -> str:
        """The entity's id."""
        return self._swapped.change.entity_id

    @property
    def version(self) -> int:  # type: ignore[override]
        """The entity's version."""
        return self._swapped.change.version

    @property
    def entity(self) -> Entity:  # type: ignore[override]
        """The entity after."""
        return self._swapped.after
