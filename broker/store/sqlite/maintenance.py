"""What an operator does with a data folder: check it, back it up, restore it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

from broker.store.sqlite.check import check_file
from broker.store.sqlite.connection import DATA_FILE, make_private
from broker.store.sqlite.errors import DamagedBackup, NotADataFile, TargetExists
from broker.store.sqlite.lock import FolderLock
from broker.store.sqlite.schema import verify_header

Progress = Callable[[int, int], None]

STEP: Final = 256
"""Pages copied between two reports of progress."""

COMPANIONS: Final = ("-wal", "-shm", "-journal")


def check(data_dir: Path) -> list[str]:
    """Return what is wrong with the data of a folder, in words; empty where it is sound.

    May run beside a broker. Raises NotADataFile and NewerDataFile.
    """
    return check_file(_existing(data_dir))


def backup(data_dir: Path, target: Path, progress: Progress | None = None) -> None:
    """Write the data of a folder, as it is at this moment, into the file `target`.

    May run beside a broker, which goes on writing: the copy is of one state, and what is written
    meanwhile stays out of it. `progress` gets (pages copied, pages in all). Raises TargetExists,
    NotADataFile.
    """
    source_path = _existing(data_dir)
    if target.exists():
        raise TargetExists(f"{target} exists: choose another name, or remove it first.")
    _copy_into_place(source_path, target, progress)


def restore(backup: Path, data_dir: Path, *, force: bool = False) -> None:
    """Make a backup the data of a folder that no broker uses.

    The backup is checked first. Raises DamagedBackup, NotADataFile, NewerDataFile,
    DataFolderInUse, and TargetExists where the folder has data and `force` is not set.
    """
    if not backup.is_file():
        raise NotADataFile(f"There is no backup {backup}.")
    try:
        problems = check_file(backup)
    except NotADataFile as error:
        raise NotADataFile(f"{backup} is no backup: give one that machi backup wrote.") from error
    if problems:
        raise DamagedBackup(f"{backup} is damaged and was not restored: {problems[0]}")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FolderLock(data_dir)
    lock.acquire()
    try:
        target = data_dir / DATA_FILE
        if target.exists() and not force:
            raise TargetExists(
                f"{data_dir} has data already: restore into another one, or replace it by --force."
            )
        _copy_into_place(backup, target, None)
    finally:
        lock.release()


def _copy_into_place(source_path: Path, target: Path, progress: Progress | None) -> None:
    """Copy one state of a file under another name, and give it `target` once it is whole."""
    partial = target.with_name(target.name + ".partial")
    remove_file(partial)
    source = apsw.Connection(str(source_path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        source.set_busy_timeout(5000)
        verify_header(source)
        _copy(source, partial, progress)
        publish(partial, target)
    except BaseException:
        remove_file(partial)
        raise
    finally:
        source.close(force=True)


def _existing(data_dir: Path) -> Path:
    path = data_dir / DATA_FILE
    if not path.is_file():
        raise NotADataFile(f"{data_dir} has no data of Machi ({DATA_FILE}).")
    return path


def _copy(source: apsw.Connection, path: Path, progress: Progress | None) -> None:
    """Copy one state of `source` into a file of its own, without a write-ahead log."""
    make_private(path)
    target = apsw.Connection(str(path))
    try:
        # A read transaction keeps the state still: a copy would else begin anew at each commit.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        with target.backup("main", source, "main") as copying:
            while not copying.done:
                copying.step(STEP)
                if progress is not None:
                    progress(copying.page_count - copying.remaining, copying.page_count)
        source.execute("COMMIT")
        target.pragma("journal_mode", "delete")
    finally:
        target.close()


def publish(partial: Path, target: Path) -> None:
    """Give a finished file its name, durably, in the place of any that has it."""
    _sync(partial)
    # What belongs to the file that goes would be taken for a part of the one that comes.
    _remove_companions(target)
    partial.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def remove_file(path: Path) -> None:
    _remove_companions(path)
    path.unlink(missing_ok=True)


def _remove_companions(path: Path) -> None:
    for companion in COMPANIONS:
        path.with_name(path.name + companion).unlink(missing_ok=True)
