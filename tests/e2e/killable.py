"""The bookings process as it is run, except that it kills itself, once at each place.

There is a place before and one after each effect: each commit at the broker, each call of a payment
provider, mail server or lock's adapter, each thing put into the vault. Once the file `armed` is
there, the process ends by SIGKILL at the first place that the file `cut` does not name yet; effects
that other tasks had begun then are named as cut `during`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.bookings.edge.http_provider import HttpProvider
from apps.bookings.edge.mail import Mail
from apps.keys import worker
from apps.keys.doors import Doors
from broker.client import Client
from consent.vault.vault import Vault
from machi import bookings

EFFECTS: dict[type, tuple[str, ...]] = {
    Client: ("transactions", "create", "append", "merge", "delete"),
    HttpProvider: ("charge", "look", "cancel", "refund"),
    Mail: ("send",),
    Vault: ("put", "forget"),
    Doors: ("put", "look", "remove"),
}


@dataclass(frozen=True)
class Orders:
    """How to run. `folder` has the files `clock`, `armed` and `cut`."""

    settings: bookings.BookingsSettings
    folder: Path


def serve(orders: Orders) -> None:
    """Run the process; this function is a process of its own."""
    logging.basicConfig(filename=orders.folder / "bookings.log", level=logging.INFO, force=True)
    cut = _Cut(orders.folder)
    for owner, names in EFFECTS.items():
        for name in names:
            shown = "commit" if name == "transactions" else f"{owner.__name__}.{name}"
            setattr(owner, name, cut.around(getattr(owner, name), shown))
    # The test's clock is turned by hours, the pauses between two looks are real time.
    worker.PAUSE = 0.5  # type: ignore[misc]
    clock = orders.folder / "clock"
    asyncio.run(bookings.run(orders.settings, lambda: _time(clock)))


class _Cut:
    def __init__(self, folder: Path) -> None:
        self._armed, self._cut = folder / "armed", folder / "cut"
        self._begun: list[str] = []

    def around(
        self, effect: Callable[..., Awaitable[Any]], name: str
    ) -> Callable[..., Awaitable[Any]]:
        async def call(*given: Any, **named: Any) -> Any:
            what = f"{name} {_aim(given)}".strip()
            self._here(f"before {what}")
            self._begun.append(what)
            try:
                answer = await effect(*given, **named)
            finally:
                self._begun.remove(what)
            self._here(f"after {what}")
            return answer

        return call

    def _here(self, name: str) -> None:
        if self._armed.exists() and name not in self._cut.read_text().splitlines():
            with self._cut.open("a") as cut:
                cut.writelines(f"{one}\n" for one in (name, *map("during {}".format, self._begun)))
            os.kill(os.getpid(), signal.SIGKILL)


def _aim(given: tuple[Any, ...]) -> str:
    """Return what a call is about: a transaction's types and states, or what the vault keeps."""
    match given:
        case (Client(), [*operations]):
            told = (_operation(one) for one in operations if one["op"] != "check")
            return ", ".join(dict.fromkeys(told))
        case (Vault(), str(), str(kind), *_):
            return kind.partition(":")[0]
    return ""


def _operation(told: dict[str, Any]) -> str:
    parts = told.get("entity") or told.get("attrs", {})
    kind = str(told.get("id") or parts["id"]).split(":")[2]
    status = parts.get("status", {}).get("value", "")
    return f"{'-' if told['op'] == 'delete' else ''}{kind} {status}".strip()


def _time(clock: Path) -> datetime:
    return datetime.fromtimestamp(float(clock.read_text()), UTC)
