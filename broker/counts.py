"""The contract of who counts people, in tables that tell of no small group."""

from __future__ import annotations

from typing import Any, Protocol

from broker.guard import Caller


class Counts(Protocol):
    """What a broker asks of a town's counts. A refusal does not tell whether anybody is there."""

    def offered(self, caller: Caller, tenant: str) -> list[dict[str, Any]]:
        """Return what is counted for a caller."""
        ...

    async def release(self, caller: Caller, tenant: str, name: str, day: str) -> dict[str, Any]:
        """Return the table of a day (`2026-11-26`, in Japan) of what is counted.

        Raises ResourceNotFound, InvalidRequest, Conflict.
        """
        ...
