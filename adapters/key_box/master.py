"""The master key that the keys of all boxes come from: a file for its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from adapters.common.files import private_folder
from adapters.contract import CannotRun

LENGTH = 32
MASTER = "master.key"


def master_key(path: Path) -> bytes:
    """Return the master key, made where the file is missing. Raises CannotRun.

    Whoever has it can compute every PIN; whoever loses it must visit every box.
    """
    private_folder(path.parent)
    try:
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return _read(path)
    with os.fdopen(number, "wb") as file:
        file.write(secrets.token_bytes(LENGTH))
        file.flush()
        os.fsync(file.fileno())
    return _read(path)


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != LENGTH:
        raise CannotRun(f"{path} is not a master key: put the right file there, or a backup of it")
    if path.stat().st_mode & 0o077:
        raise CannotRun(f"others can read {path}: chmod 600 it")
    return key
