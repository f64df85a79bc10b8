"""A SQLite VFS whose disk can be full, or fail, at will."""

import apsw

NAME = "faulty"


class FaultyDisk(apsw.VFS):
    """SQLite's own VFS; while `fault` is set, writes and syncs raise it."""

    def __init__(self) -> None:
        super().__init__(NAME, "")
        self.fault: type[apsw.Error] | None = None

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
        super().__init__("", name, flags)
        self._disk = disk

    def excepthook(self, *details: object) -> bool:
        return True

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._fail()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._fail()
        super().xSync(flags)

    def _fail(self) -> None:
        if self._disk.fault is not None:
            raise self._disk.fault("on purpose")
