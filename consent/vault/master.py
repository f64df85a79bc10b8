"""The master key: what wraps the keys of people, and vouches for the disclosure log."""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from consent.vault.errors import VaultError
from consent.vault.sealing import KEY_BYTES

MASTER: Final = "MACHI_MASTER_KEY"
MASTER_FILE: Final = "MACHI_MASTER_KEY_FILE"


def derived(master: bytes, use: str) -> bytes:
    """Return the key for one use of the master key."""
    return hmac.digest(master, use.encode(), "sha256")


def master_key(
    folder: Path, environment: Mapping[str, str] = os.environ, *, make: bool = True
) -> bytes:
    """Return the master key of a data folder. Raises VaultError.

    It is `MACHI_MASTER_KEY`, else the content of `MACHI_MASTER_KEY_FILE`, both in Base64, else of a
    file beside the data folder with `.master`; with `make` that is made where there is none.
    """
    if text := environment.get(MASTER):
        return _decoded(text, MASTER)
    if named := environment.get(MASTER_FILE):
        path = Path(named)
    else:
        whole = folder.resolve()
        path = whole.with_name(whole.name + ".master")
        if make:
            _make(path)
    try:
        return _decoded(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise VaultError(f"The master key {path} cannot be read: {error}.") from error


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise VaultError(f"{where} is not {KEY_BYTES} bytes in Base64. Give the master key.")
    return key


def _make(path: Path) -> None:
    """Make a master key, whole and on the disk before it has its name."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        partial.unlink()
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
