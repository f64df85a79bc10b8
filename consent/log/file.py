"""The file `disclosures.log`: lines are added at its end and never changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from consent.files import Unusable
from consent.log.chain import Tip, digest, read

FILE: Final = "disclosures.log"
_BLOCK: Final = 1 << 20


class LogFile:
    """The open file. What a crash left of a line that was not whole is cut off."""

    def __init__(self, folder: Path) -> None:
        """Open the log of a data folder, or make it. Raises Unusable."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)
        self.size = self._whole()
        os.ftruncate(self._file, self.size)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def append(self, lines: bytes) -> None:
        """Add lines; they are on the disk when this returns, or none is in the file."""
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.size += len(lines)

    def at(self, offset: int) -> bytes:
        """Return the line that begins at an offset."""
        found = b""
        while b"\n" not in found:
            block = os.pread(self._file, 1024, offset + len(found))
            if not block:
                break
            found += block
        return found[: found.find(b"\n") + 1]

    def tip(self) -> Tip:
        """Return the end of the log. Raises Unusable where its last line is none."""
        tip = Tip()
        if self.size:
            line = self.at(self._begin_of_last())
            told = read(line)
            if told is None:
                raise Unusable(
                    f"The last line of {self.path} is damaged. machi audit verify says where; put "
                    "a backup in its place."
                )
            tip = Tip(digest(line), told["n"] if "n" in told else told["seal"])
        return tip

    def _whole(self) -> int:
        """Return the size up to the last line end."""
        end = os.fstat(self._file).st_size
        while end:
            start = max(0, end - _BLOCK)
            found = os.pread(self._file, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0

    def _begin_of_last(self) -> int:
        end = self.size - 1
        while end:
            start = max(0, end - _BLOCK)
            found = os.pread(self._file, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a log that need not be open, with their line ends."""
    with path.open("rb") as file:
        yield from file
