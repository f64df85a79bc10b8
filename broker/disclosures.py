"""The contract of who writes down what is shown of persons, and knows what they agreed to.

A guard notes what it shows as it shows it. Every exit asks `pending` before it lets go of what
was shown, and waits for `settled` where something is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from broker.counts import Counts
from broker.guard import Caller, Guard
from broker.store.contract import Store


@dataclass(frozen=True, slots=True)
class Shown:
    """What a program shows of a person from elsewhere: `action` is `decrypt` or `export`.

    `holder` is the person, `user` who was shown it, `target` what it belongs to, `attributes` which
    kinds of data.
    """

    holder: str
    user: str
    action: str
    target: str
    attributes: tuple[str, ...]
    reason: str = ""


class Disclosures(Protocol):
    """What a broker asks of the log of disclosures."""

    @property
    def pending(self) -> bool:
        """Tell whether something was shown that is not written down yet."""
        ...

    @property
    def counts(self) -> Counts | None:
        """Return who counts people; None where nobody does."""
        ...

    async def begin(self, store: Store) -> None:
        """Take from an open store what decisions need, and follow it from now on."""
        ...

    async def attend(self, catch_up: Callable[[], Awaitable[None]]) -> None:
        """Begin what is done by itself. `catch_up` waits until history has every change."""
        ...

    async def settled(self) -> None:
        """Wait until all that was shown is written down durably. Raises ServiceUnavailable."""
        ...

    async def close(self) -> None:
        """Write down what is left."""
        ...

    def quiet(self, guard: Guard) -> Guard:
        """Return a guard that decides alike and notes nothing: what it shows goes nowhere."""
        ...

    def note(self, caller: Caller, tenant: str, shown: Iterable[Shown]) -> None:
        """Take what a program is about to show from elsewhere. Raises Forbidden."""
        ...

    async def of(
        self, caller: Caller, tenant: str, limit: int, holder: str | None = None
    ) -> list[dict[str, Any]]:
        """Return what was shown of the person who asks, newest first.

        A program that names a `holder` is told what it noted of them itself. Raises Forbidden.
        """
        ...


class NoDisclosures:
    """Writes nothing down: nobody's data are told apart (`--auth off`)."""

    pending = False
    counts = None

    async def begin(self, store: Store) -> None:
        """Need nothing."""

    async def attend(self, catch_up: Callable[[], Awaitable[None]]) -> None:
        """Do nothing by itself."""

    async def settled(self) -> None:
        """Wait for nothing."""

    async def close(self) -> None:
        """Have nothing left."""

    def quiet(self, guard: Guard) -> Guard:
        """Return the guard."""
        return guard

    def note(self, caller: Caller, tenant: str, shown: Iterable[Shown]) -> None:
        """Note nothing."""

    async def of(
        self, caller: Caller, tenant: str, limit: int, holder: str | None = None
    ) -> list[dict[str, Any]]:
        """Return nothing."""
        return []
