"""A power cut for SQLite: a VFS that loses what was not synced.

    disk = PowerCutDisk()
    PowerCutVfs(disk)                          # registers itself as "powercut"
    connection = apsw.Connection(path, vfs="powercut")
    disk.arm(operations=40, survival=Survival.TORN, draw=Random(1))
    ...                                        # until disk.is_off
    disk.restore(folder)                       # the files as the cut left them

Reads and writes go through to real files, so that the shared memory of the WAL works as ever;
the disk keeps apart what it would lose. The process lives on after the cut, but what happens then
leaves no trace in the restored files: whoever uses this counts an answer only while the disk
`is_on`.
"""

import threading
from pathlib import Path
from random import Random
from typing import Final

import apsw

from tests.support.platter import PlatterFile, Resize, Survival, Write

SECTOR_SIZES: Final = (512, 4096)
JOURNALS: Final = ("-journal", "-wal")
NEVER: Final = -1


class PowerCutDisk:
    """The files written through a PowerCutVfs, and the moment the power goes."""

    def __init__(self) -> None:
        self._files: dict[Path, PlatterFile] = {}
        self._lock = threading.Lock()
        self._left, self._ending = NEVER, ""
        self._survival = Survival.NOTHING
        self._draw = Random(0)
        self._survivors: dict[Path, bytes | None] | None = None
        self.unsynced: frozenset[str] = frozenset()
        """Names of the files that had something to lose at the cut."""

    @property
    def is_on(self) -> bool:
        """Say whether the power is still there."""
        return self._survivors is None

    def arm(self, *, operations: int, survival: Survival, draw: Random, ending: str = "") -> None:
        """Cut the power at the given write, truncation, sync or deletion from now, 1 the next.

        Only operations on files whose name has this `ending` are counted.
        """
        with self._lock:
            self._left, self._ending = operations, ending
            self._survival, self._draw = survival, draw

    def cut(self) -> None:
        """Cut the power now, if it is still there."""
        with self._lock:
            self._cut()

    def restore(self, folder: Path) -> None:
        """Write what survived into an empty folder; with it whatever the shared memory held."""
        assert self._survivors is not None, "the power is still there"
        for path, content in self._survivors.items():
            if content is None:
                continue
            (folder / path.name).write_bytes(content)
            if path.name.endswith("-wal"):
                shared = path.name.removesuffix("-wal") + "-shm"
                (folder / shared).write_bytes(self._draw.randbytes(32768))

    def opened(self, path: Path, existed: bool) -> None:
        """Begin to track a file; what it holds on the real disk counts as durable."""
        with self._lock:
            file = self._files.get(path)
            if file is None:
                synced = bytearray(path.read_bytes()) if existed else None
                file = self._files[path] = PlatterFile(synced)
            if not existed:
                file.pending.append(Resize(0))

    def written(self, path: Path, offset: int, data: bytes) -> None:
        """Note a write: it may be lost until the next sync."""
        with self._lock:
            self._files[path].pending.append(Write(offset, data))
            self._tick(path)

    def resized(self, path: Path, size: int) -> None:
        """Note a truncation."""
        with self._lock:
            self._files[path].pending.append(Resize(size))
            self._tick(path)

    def synced(self, path: Path) -> None:
        """Note a sync: what is pending is durable, unless the power goes while it runs."""
        with self._lock:
            self._tick(path)
            file = self._files[path]
            if file.synced is None and path.name.endswith(JOURNALS):
                # SQLite syncs the directory with the first sync of a new journal or WAL.
                for neighbour in self._files.values():
                    neighbour.settle_deletion()
            file.sync()

    def deleted(self, path: Path, durably: bool) -> None:
        """Note a deletion; it may be undone unless the directory was synced."""
        with self._lock:
            if file := self._files.get(path):
                file.pending.append(Resize(None))
                self._tick(path)
                if durably:
                    file.sync()

    def _tick(self, path: Path) -> None:
        if self._left > 0 and path.name.endswith(self._ending):
            self._left -= 1
            if self._left == 0:
                self._cut()

    def _cut(self) -> None:
        self._left = NEVER
        if self._survivors is None:
            self.unsynced = frozenset(p.name for p, file in self._files.items() if file.pending)
            sector = self._draw.choice(SECTOR_SIZES)
            self._survivors = {
                path: file.after_cut(self._survival, sector, self._draw)
                for path, file in self._files.items()
            }


class PowerCutVfs(apsw.VFS):
    """SQLite's own VFS, with every change of a named file told to the disk."""

    def __init__(self, disk: PowerCutDisk, name: str = "powercut") -> None:
        super().__init__(name, "")
        self._disk = disk

    def xOpen(  # noqa: N802 (SQLite's name)
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        """Open a file; temporary ones are not tracked."""
        plain = name.filename() if isinstance(name, apsw.URIFilename) else name
        if plain is None or flags[0] & apsw.SQLITE_OPEN_DELETEONCLOSE:
            return apsw.VFSFile("", name, flags)
        path = Path(plain)
        existed = path.exists()
        file = PowerCutFile(self._disk, path, name, flags)
        self._disk.opened(path, existed)
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        """Delete a file."""
        super().xDelete(filename, syncdir)
        self._disk.deleted(Path(filename), syncdir)


class PowerCutFile(apsw.VFSFile):
    """One open file of a PowerCutVfs."""

    def __init__(
        self,
        disk: PowerCutDisk,
        path: Path,
        name: str | apsw.URIFilename | None,
        flags: list[int],
    ) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._path = path

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        """Write through, and note it."""
        super().xWrite(data, offset)
        self._disk.written(self._path, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        """Truncate, and note it."""
        super().xTruncate(newsize)
        self._disk.resized(self._path, newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Note the sync. The real file needs none: this machine keeps its power."""
        self._disk.synced(self._path)
