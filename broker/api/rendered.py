"""Rendered entities by version: what a read answers without parsing and writing JSON again.

Reads are bounded by JSON work, so the bytes of a representation are kept until the entity
changes. While a commit is under way others may see it in the store before this process knows that
it is done: entries of what it changes are emptied before, and none is kept until it is over. A
reader notes `generation` before it asks the store, and a rendering is kept only if no commit ended
since. An entry is therefore never older than what anybody has read or was told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, TypeGuard

from broker.store.contract import Committed, Record


class Rendering(Record):
    """One representation of one version: its JSON and, made when first asked, its ETag.

    It stands for the record it was made from, of which nobody needs the entity any more.
    """

    __slots__ = ("_etag", "altered", "body", "id")

    id: str

    def __init__(self, entity_id: str, version: int, body: bytes, altered: bool = False) -> None:
        """`altered` tells that an older version of NGSI-LD made the entity less than it is."""
        self.id = entity_id
        self.version = version
        self.body = body
        self.altered = altered
        self._etag: bytes | None = None

    @property
    def etag(self) -> bytes:
        """The strong entity tag: the version, then a hash of the representation."""
        if self._etag is None:
            digest = blake2b(self.body, digest_size=8).hexdigest()
            self._etag = f'"v{self.version}-{digest}"'.encode()
        return self._etag


_RENDERINGS: Final[frozenset[type[Record]]] = frozenset({Rendering})


class Picker:
    """Picks renderings while a query runs, so that it need not read those documents.

    Called by the store with what it has found, as `broker.store.contract.Kept`.
    """

    __slots__ = ("_rendered", "_tenant", "form")

    def __init__(self, rendered: Rendered, tenant: str, form: Hashable) -> None:
        self._rendered = rendered
        self._tenant = tenant
        self.form = form

    def __call__(self, found: Sequence[tuple[str, int, int]]) -> Mapping[str, Rendering]:
        return self._rendered.among(self._tenant, found, self.form)

    def has(self, record: Record) -> bool:
        """Tell whether a record of the page was picked."""
        return isinstance(record, Rendering)

    def has_all(self, records: Sequence[Record]) -> TypeGuard[Sequence[Rendering]]:
        """Tell whether all records of the page were picked."""
        return _RENDERINGS.issuperset(map(type, records))


class Rendered:
    """A bounded map (tenant, id) → {representation: Rendering}, least recently used first out.

    `limit` is in bytes of JSON; the overhead of an entry is counted as 500 bytes. `shared` tells
    that other brokers write to the store as well: then it has to be asked for the version first.
    """

    _OVERHEAD = 500

    def __init__(self, limit: int, *, shared: bool = False) -> None:
        self._limit = limit
        self._shared = shared
        self._size = 0
        self.generation = 0
        self._entries: OrderedDict[tuple[str, str], dict[Hashable, Rendering]] = OrderedDict()
        self._held: set[tuple[str, str]] = set()

    def get(self, tenant: str, entity_id: str, form: Hashable) -> Rendering | None:
        """Return the rendering of the entity's current version in this form, if kept."""
        key = (tenant, entity_id)
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry.get(form)

    def among(
        self, tenant: str, found: Sequence[tuple[str, int, int]], form: Hashable
    ) -> dict[str, Rendering]:
        """Return the renderings in this form, by id, of what was found in these versions."""
        entries, picked = self._entries, {}
        for entity_id, version, _ in found:
            key = (tenant, entity_id)
            entry = entries.get(key)
            if entry is not None:
                entries.move_to_end(key)
                rendering = entry.get(form)
                if rendering is not None and rendering.version == version:
                    picked[entity_id] = rendering
        return picked

    def at_once(self, tenant: str, entity_id: str, form: Hashable) -> Rendering | None:
        """Return what can be answered without asking the store."""
        return None if self._shared else self.get(tenant, entity_id, form)

    def put(
        self, tenant: str, entity_id: str, form: Hashable, rendering: Rendering, generation: int
    ) -> None:
        """Keep a rendering made from what the store gave after `generation` was noted."""
        if generation != self.generation:
            return
        key = (tenant, entity_id)
        if key in self._held:
            return
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = {}
        if form in entry:
            return
        # A copy: orjson's own bytes were cut from a larger block, of which the rest stays behind.
        rendering.body = memoryview(rendering.body).tobytes()
        entry[form] = rendering
        self._size += len(rendering.body) + self._OVERHEAD
        while self._size > self._limit:
            _, dropped = self._entries.popitem(last=False)
            self._shrink(dropped)

    def picker(self, tenant: str, form: Hashable) -> Picker:
        """Return what picks the renderings in this form for the page of a query."""
        return Picker(self, tenant, form)

    def hold(self, coming: Sequence[Committed]) -> None:
        """Drop what a commit is about to change, and keep nothing of it until it is over."""
        self._held = {(one.change.tenant, one.change.entity_id) for one in coming}
        for key in self._held:
            entry = self._entries.pop(key, None)
            if entry is not None:
                self._shrink(entry)

    def forget(self, committed: Sequence[Committed]) -> None:
        """Let renderings of what was committed be kept again: the store's listener."""
        self.generation += 1
        self._held = set()

    def figures(self) -> dict[str, float]:
        """Return sizes for /metrics."""
        return {"rendered_bytes": self._size, "rendered_entities": len(self._entries)}

    def _shrink(self, entry: dict[Hashable, Rendering]) -> None:
        self._size -= sum(len(one.body) + self._OVERHEAD for one in entry.values())
