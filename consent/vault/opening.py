"""Where the vault of a data folder has its keys, and how it is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from consent.files import Unusable
from consent.vault.errors import KeysLost, VaultError
from consent.vault.keys import KeyStore
from consent.vault.master import master_key
from consent.vault.records import FILE, Records
from consent.vault.vault import Vault

STORE: Final = "MACHI_KEY_STORE"


def open_vault(folder: Path, environment: Mapping[str, str] = os.environ) -> Vault:
    """Open the vault of a data folder, or make it. Raises VaultError.

    The key store is `MACHI_KEY_STORE`, else beside the data folder with `.vault-keys`.
    """
    whole = folder.resolve()
    store = Path(environment.get(STORE) or whole.with_name(whole.name + ".vault-keys"))
    if store.resolve().is_relative_to(whole):
        raise VaultError(f"The key store must be outside the data folder. Change {STORE}.")
    if (folder / FILE).exists() and not store.exists():
        raise KeysLost(
            f"There is no key store {store}. Put its backup there; without it nothing in the "
            "vault can be read."
        )
    try:
        keys = KeyStore(store, master_key(folder, environment))
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
