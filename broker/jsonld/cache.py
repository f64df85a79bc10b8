"""A cache bounded by the memory of what it keeps; the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class WeightedCache(Generic[K, V]):
    """Maps keys to values while the sum of their weights stays within `capacity`."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.weight = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return the value and count it as used, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Keep a value, dropping the least recently used ones; not kept if heavier than all."""
        old = self._entries.pop(key, None)
        if old is not None:
            self.weight -= old[1]
        if weight > self.capacity:
            return
        self._entries[key] = value, weight
        self.weight += weight
        while self.weight > self.capacity:
            _, (_, dropped) = self._entries.popitem(last=False)
            self.weight -= dropped

    def drop(self, key: K) -> None:
        """Forget a value."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.weight -= entry[1]

    def drop_where(self, holds: Callable[[V], bool]) -> None:
        """Forget the values of which something holds."""
        for key in [key for key, (value, _) in self._entries.items() if holds(value)]:
            self.drop(key)

    def drop_keys(self, holds: Callable[[K], bool]) -> None:
        """Forget the values under keys of which something holds."""
        for key in filter(holds, list(self._entries)):
            self.drop(key)

    def __len__(self) -> int:
        return len(self._entries)
