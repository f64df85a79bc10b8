"""The page of facility staff: grants, door log, batteries, emergency opening, and a simulated box.

It stands in the staff application, which says who is there and seals the forms.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from apps.keys.acts import (
    REASONS,
    ActRefused,
    note_visit,
    open_locks,
    shut,
    take_back,
    try_again,
)
from apps.keys.board import Board, board
from apps.keys.contract import Opened
from apps.keys.doors import Doors
from apps.keys.locks import TownLocks
from apps.shell.language import LANGUAGES, language_of, words
from apps.shell.pages import templates
from apps.shell.refused import FormRefused
from broker.client import Client, ClientError

HERE: Final = Path(__file__).parent
TEXTS: Final = words(HERE / "words")
JST: Final = ZoneInfo("Asia/Tokyo")
BOX: Final = "key_box"
CHOSEN: Final = "lock "
"""What the names of the boxes to tick begin with; the lock's id follows."""
PIN: Final = re.compile(r"[0-9]{1,12}")
FACILITY: Final = ("staff:facilities", "staff:disaster", "administrator")
EMERGENCY: Final = ("staff:facilities", "staff:disaster", "officer", "administrator")


@dataclass(frozen=True, slots=True)
class Told:
    """What an act led to: a word of the page, and what is to be shown with it."""

    word: str = ""
    status: int = 200
    opened: tuple[Opened, ...] = ()
    shown: str = ""
    lock: str = ""


class NoVault:
    """No vault: this page neither makes nor shows PINs."""

    async def put(self, holder: str, kind: str, secret: str, /) -> None:
        """Refuse."""
        raise ActRefused("no_pins")

    async def get(self, holder: str, kind: str, /) -> str | None:
        """Return nothing."""
        return None

    async def kinds(self, holder: str, /) -> list[str]:
        """Return none."""
        return []

    async def forget(self, holder: str, kind: str, /) -> None:
        """Forget nothing."""

    async def erase(self, holder: str, /) -> None:
        """Erase nothing."""


@dataclass(frozen=True, slots=True)
class KeysPage:
    """The page. `doors` is None where the adapters are not on this machine."""

    client: Client
    doors: Doors | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    locks: TownLocks = field(init=False)

    def __post_init__(self) -> None:
        locks = TownLocks(self.client, NoVault(), clock=self.clock)
        object.__setattr__(self, "locks", locks)

    async def show(self, request: Request, told: Told, **frame: Any) -> Response:
        """Return the page; `frame` is what the staff application knows (person, token)."""
        language, now = language_of(request), self.clock()
        found, reached = Board((), (), ()), True
        try:
            found = await board(self.client, now)
        except ClientError:
            reached = False
        html = PAGE.get_template("keys.html").render(
            t=TEXTS[language],
            language=language,
            languages=LANGUAGES,
            board=found,
            reached=reached,
            told=told,
            reasons=REASONS,
            **frame,
        )
        return HTMLResponse(html, told.status, headers={"Content-Language": language})

    async def act(self, deed: str, fields: dict[str, str], by: str) -> Told:
        """Do what a form asks for. Raises FormRefused."""
        try:
            return await DEEDS[deed].do(self, fields, by)
        except ActRefused as refusal:
            return Told(str(refusal), 409)
        except ClientError:
            return Told("broker_away", 503)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something staff do on this page, and the roles of those who may."""

    do: Callable[[KeysPage, dict[str, str], str], Awaitable[Told]]
    roles: tuple[str, ...]


async def _open(page: KeysPage, fields: dict[str, str], by: str) -> Told:
    chosen = [name.removeprefix(CHOSEN) for name in fields if name.startswith(CHOSEN)]
    reason = fields.get("reason", "")
    if not chosen or reason not in REASONS:
        raise FormRefused("choose")
    if fields.get("sure") != "yes":
        raise FormRefused("be_sure")
    opened = await open_locks(page.client, page.locks, chosen, reason, by)
    return Told("opened", opened=tuple(opened))


async def _shut(page: KeysPage, fields: dict[str, str], by: str) -> Told:
    await shut(page.client, _id(fields, "SmartLock"), by, page.clock())
    return Told("shut")


async def _take_back(page: KeysPage, fields: dict[str, str], by: str) -> Told:
    await take_back(page.locks, _id(fields, "AccessGrant"))
    return Told("taken_back")


async def _try_again(page: KeysPage, fields: dict[str, str], by: str) -> Told:
    await try_again(page.client, _id(fields, "AccessGrant"), page.clock())
    return Told("trying")


async def _visit(page: KeysPage, fields: dict[str, str], by: str) -> Told:
    lock = _id(fields, "SmartLock")
    drift = _number(fields, "drift", 86_400) if fields.get("drift", "").strip() else None
    battery = _number(fields, "battery", 100) / 100
    await note_visit(page.client, lock, battery, drift, page.clock())
    return Told("noted")


async def _block(page: KeysPage, fields: dict[str, str], by: str) -> Told:
    grant, lock = _id(fields, "AccessGrant"), fields.get("lock", "")
    pin = await page.doors.block_pin(BOX, lock, grant) if page.doors else ""
    if not pin:
        raise ActRefused("no_block")
    return Told("block_pin", shown=pin, lock=lock)


async def _simulate(page: KeysPage, fields: dict[str, str], by: str) -> Told:
    lock, pin = _id(fields, "SmartLock"), fields.get("pin", "").strip()
    if not PIN.fullmatch(pin):
        raise FormRefused("bad_pin")
    why = await page.doors.simulate(BOX, lock, pin, _moment(fields)) if page.doors else ""
    if not why:
        raise ActRefused("no_box")
    return Told("simulated", shown=why, lock=lock)


DEEDS: Final[dict[str, Deed]] = {
    "open": Deed(_open, EMERGENCY),
    "shut": Deed(_shut, EMERGENCY),
    "take-back": Deed(_take_back, FACILITY),
    "try-again": Deed(_try_again, FACILITY),
    "visit": Deed(_visit, FACILITY),
    "block": Deed(_block, FACILITY),
    "simulate": Deed(_simulate, FACILITY),
}


def shown_time(at: datetime | None) -> str:
    """Return a time as the page shows it, empty for None."""
    return "" if at is None else at.astimezone(JST).strftime("%Y-%m-%d %H:%M")


def _templates() -> Any:
    found = templates(HERE / "templates")
    found.filters["time"] = shown_time
    return found


PAGE: Final = _templates()


def _id(fields: dict[str, str], kind: str) -> str:
    given = fields.get("id", "")
    if not re.fullmatch(rf"urn:ngsi-ld:{kind}:[!-~]{{1,200}}", given):
        raise FormRefused("bad_form")
    return given


def _number(fields: dict[str, str], name: str, most: float) -> float:
    try:
        given = float(fields.get(name, ""))
    except ValueError as error:
        raise FormRefused("bad_number") from error
    if not -most <= given <= most:
        raise FormRefused("bad_number")
    return given


def _moment(fields: dict[str, str]) -> str:
    """Return the time a box shall believe it is; empty for now."""
    given = fields.get("at", "").strip()
    if not given:
        return ""
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise FormRefused("bad_time") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=JST)).isoformat()
