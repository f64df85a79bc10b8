"""The key that commands show a broker."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from broker.client import key_of
from machi.errors import MachiCommandError
from machi.language import t

OPERATOR = "operator"


def key_for(url: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the key to show the broker at a URL, None where there is none.

    It is that of `MACHI_KEY` or of the file `MACHI_KEY_FILE`; without either, and on this machine
    only, the operator's that `machi up` keeps beside the data folder.
    """
    try:
        named = key_of("operator", environment)
    except OSError as error:
        raise MachiCommandError(
            t("The file of MACHI_KEY_FILE cannot be read: {why}.", why=error.strerror)
        ) from error
    if named is not None or not _is_here(url):
        return named
    from consent.identity.at_hand import at_hand

    return at_hand(Path(environment.get("MACHI_DATA") or "data"), OPERATOR)


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
