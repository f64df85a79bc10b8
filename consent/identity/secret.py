"""The town's secret: 32 random bytes beside the data folder, not in it.

Whoever copies the data folder has digests of names without it, and cannot try names out.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from consent.identity.file import IdentityError

_BYTES: Final = 32


def secret_beside(folder: Path) -> Path:
    """Return where the secret of a data folder is: a file of the same name with `.secret`."""
    whole = folder.resolve()
    return whole.with_name(whole.name + ".secret")


def read_secret(path: Path) -> bytes:
    """Return the secret in a file; make one where there is none. Raises IdentityError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        found = path.read_bytes()
        if len(found) != _BYTES:
            raise IdentityError(
                f"{path} does not hold {_BYTES} bytes. Put a backup in its place; without the "
                "secret nobody can sign in."
            ) from None
        return found
    try:
        made = secrets.token_bytes(_BYTES)
        os.write(file, made)
        os.fsync(file)
    finally:
        os.close(file)
    return made
