"""Exclusive ownership of a data folder, by a locked file that the kernel frees on any exit."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from broker.store.sqlite.errors import DataFolderInUse

LOCK_FILE = "machi.lock"


class FolderLock:
    """Holds a data folder for this process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_FILE
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the folder; raises DataFolderInUse where another process has it."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise DataFolderInUse(
                f"The data folder {self._path.parent} is in use by process {owner}: "
                "stop that broker, or give this one another folder."
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Let the folder go. The file stays: removing it would race with the next owner."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
