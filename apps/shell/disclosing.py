"""What an app shows of the vault, or hands out as a file, is in the persons' logs before.

The broker keeps the log; an app says there what is not the broker's own to show. Where that fails
nothing may be shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from broker.client import Client

DISCLOSURES: Final = "/ngsi-ld/ex/v1/disclosures"
NOBODY: Final = "unknown"
"""Who is shown something where nobody signs in."""
_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody is about to be shown: whose data, of which kinds, and what they belong to."""

    holder: str
    user: str
    target: str
    kinds: tuple[str, ...]


async def decrypted(client: Client, *shown: Shown) -> None:
    """Note what is shown of the vault. Raises ClientError."""
    await _note(client, "decrypt", shown)


async def exported(client: Client, shown: Iterable[Shown]) -> None:
    """Note what is handed out in a file. Raises ClientError."""
    await _note(client, "export", tuple(shown))


async def noted(client: Client, holder: str) -> list[dict[str, Any]]:
    """Return what this app has noted of a person, newest first. Raises ClientError."""
    path = f"{DISCLOSURES}?holder={quote(holder, safe='')}"
    found: list[dict[str, Any]] = await client.call("GET", path)
    return found


async def _note(client: Client, action: str, shown: tuple[Shown, ...]) -> None:
    for at in range(0, len(shown), _MOST):
        told = [
            {
                "holder": one.holder,
                "user": one.user or NOBODY,
                "action": action,
                "target": one.target,
                "attributes": list(one.kinds),
            }
            for one in shown[at : at + _MOST]
        ]
        await client.call("POST", DISCLOSURES, told)
