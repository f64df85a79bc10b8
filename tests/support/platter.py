"""A disk that remembers what was synced: which bytes of a file are left after a power cut.

A file is its synced content and the operations since. At a power cut every sector stops at a
moment of its own: it holds all that was written to it up to some operation, and nothing after.
Size and existence stop at a moment of their own too, as a file system writes them apart from the
data. Bytes outside a write are never harmed (SQLite counts on that as "powersafe overwrite").
A sync makes the file durable with its directory entry, as ext4 does.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random


class Survival(StrEnum):
    """How much of what was not synced is left."""

    NOTHING = "nothing"
    PREFIX = "prefix"
    TORN = "torn"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes put at an offset."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """The file cut to, or made, a size; None is its deletion, and 0 also its creation."""

    size: int | None


Moments = Callable[[int], int]


@dataclass(slots=True)
class PlatterFile:
    """One file: `synced` is its durable content, None where it does not durably exist."""

    synced: bytearray | None
    pending: list[Write | Resize] = field(default_factory=list)

    def sync(self) -> None:
        """Make everything pending durable."""
        now = len(self.pending)
        self.synced = self._content(lambda sector: now, now, sector_size=1 << 40)
        self.pending.clear()

    def settle_deletion(self) -> None:
        """Make the last deletion durable, if one is pending: the directory was synced."""
        deletions = [n for n, step in enumerate(self.pending) if step == Resize(None)]
        if deletions:
            self.synced = None
            del self.pending[: deletions[-1] + 1]

    def after_cut(self, survival: Survival, sector_size: int, draw: Random) -> bytes | None:
        """Return what a power cut leaves of the file; None where the file is gone."""
        last = len(self.pending)
        if survival is Survival.TORN:
            first, latest = 0, last
        elif survival is Survival.PREFIX:
            # Everything up to one operation; that one may be torn.
            first = draw.randint(0, last)
            latest = min(last, first + 1)
        else:
            first = latest = 0 if survival is Survival.NOTHING else last
        chosen: dict[int, int] = defaultdict(lambda: draw.randint(first, latest))
        left = self._content(chosen.__getitem__, draw.randint(first, latest), sector_size)
        return None if left is None else bytes(left)

    def _content(self, moment: Moments, size_moment: int, sector_size: int) -> bytearray | None:
        content = bytearray(self.synced or b"")
        sizes: list[int | None] = [None if self.synced is None else len(self.synced)]
        for index, operation in enumerate(self.pending):
            size = sizes[-1] or 0
            if isinstance(operation, Write):
                sizes.append(max(size, operation.offset + len(operation.data)))
                for sector, start, end in _pieces(operation.offset, operation.data, sector_size):
                    if moment(sector) > index:
                        _put(content, start, operation.data, operation.offset, end)
            else:
                sizes.append(operation.size)
                keep = operation.size or 0
                gone = bytes(max(0, len(content) - keep))
                for sector, start, end in _pieces(keep, gone, sector_size):
                    if moment(sector) > index:
                        _put(content, start, gone, keep, end)
        left = sizes[size_moment]
        if left is None:
            return None
        return content[:left] + bytes(max(0, left - len(content)))


def _pieces(offset: int, data: bytes, sector_size: int) -> list[tuple[int, int, int]]:
    """Split a range at the sector borders: (sector, start, end)."""
    end = offset + len(data)
    sectors = range(offset // sector_size, -(-end // sector_size) if data else 0)
    return [(s, max(offset, s * sector_size), min(end, (s + 1) * sector_size)) for s in sectors]


def _put(content: bytearray, start: int, data: bytes, offset: int, end: int) -> None:
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[start:end] = data[start - offset : end - offset]
