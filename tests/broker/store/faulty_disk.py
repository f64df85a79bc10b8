"""A SQLite VFS whose disk can be full, or fail, at will."""

from collections.abc import Callable

import apsw

NAME = "faulty"


class FaultyDisk(apsw.VFS):
    """SQLite's own VFS; while `fault` is set, writes and syncs raise it.

    `before_file` is called before each write to the data file itself, not to its log.
    """

    def __init__(self) -> None:
        super().__init__(NAME, "")
        self.fault: type[apsw.Error] | None = None
        self.before_file: Callable[[], object] = lambda: None

    def excepthook(self, *details: object) -> bool:
        """Keep faults raised on purpose out of the error output."""
        return True

    def xOpen(  # noqa: N802 (SQLite's name)
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        """Open a file."""
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(
        self, disk: FaultyDisk, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._is_file = bool(flags[0] & apsw.SQLITE_OPEN_MAIN_DB)
        super().__init__("", name, flags)
        self._disk = disk

    def excepthook(self, *details: object) -> bool:
        return True

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._fail()
        if self._is_file:
            self._disk.before_file()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._fail()
        super().xSync(flags)

    def _fail(self) -> None:
        if self._disk.fault is not None:
            raise self._disk.fault("on purpose")
