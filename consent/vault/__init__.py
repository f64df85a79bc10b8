"""The vault: personal data, encrypted with one key for each person.

Keys are in a store of their own outside the data folder, so that erasing a key erases the person,
also from copies of the data folder.
"""

from consent.vault.errors import Erased, KeysLost, OtherValue, VaultError, WrongMasterKey
from consent.vault.opening import open_vault
from consent.vault.vault import Vault, new_holder

__all__ = [
    "Erased",
    "KeysLost",
    "OtherValue",
    "Vault",
    "VaultError",
    "WrongMasterKey",
    "new_holder",
    "open_vault",
]
