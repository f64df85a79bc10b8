"""Where the vault of a data folder has its keys, and how it is opened."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from consent.files import Unusable
from consent.vault.errors import KeysLost, VaultError
from consent.vault.keys import KeyStore
from consent.vault.records import FILE, Records
from consent.vault.sealing import KEY_BYTES
from consent.vault.vault import Vault

MASTER: Final = "MACHI_MASTER_KEY"
MASTER_FILE: Final = "MACHI_MASTER_KEY_FILE"
STORE: Final = "MACHI_KEY_STORE"


def open_vault(folder: Path, environment: Mapping[str, str] = os.environ) -> Vault:
    """Open the vault of a data folder, or make it. Raises VaultError.

    The key store is `MACHI_KEY_STORE`, else beside the data folder with `.keys`. The master key is
    `MACHI_MASTER_KEY`, else the content of `MACHI_MASTER_KEY_FILE`, both in Base64, else of a file
    beside the data folder with `.master`, which is made where there is none.
    """
    whole = folder.resolve()
    store = Path(environment.get(STORE) or whole.with_name(whole.name + ".keys"))
    if store.resolve().is_relative_to(whole):
        raise VaultError(f"The key store must be outside the data folder. Change {STORE}.")
    if (folder / FILE).exists() and not store.exists():
        raise KeysLost(
            f"There is no key store {store}. Put its backup there; without it nothing in the "
            "vault can be read."
        )
    try:
        keys = KeyStore(store, _master(whole, environment))
        try:
            records = Records(folder)
            try:
                records.belong_to(keys.id)
                return Vault(records, keys)
            except BaseException:
                records.close()
                raise
        except BaseException:
            keys.close()
            raise
    except Unusable as error:
        raise VaultError(str(error)) from error


def _master(whole: Path, environment: Mapping[str, str]) -> bytes:
    if text := environment.get(MASTER):
        return _decoded(text, MASTER)
    if named := environment.get(MASTER_FILE):
        path = Path(named)
    else:
        path = whole.with_name(whole.name + ".master")
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
