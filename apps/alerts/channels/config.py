"""The private file that says where messages go. Addresses are here and never in the broker."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

KINDS: Final = frozenset({"alert", "evacuation", "technical"})
PUBLIC: Final = frozenset({"alert", "evacuation"})


class ChannelsRefused(ValueError):
    """The file cannot be used; the text names the place, never an address."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A list of recipients behind an SMTP server. `kinds` are the kinds of messages it gets."""

    name: str
    kinds: frozenset[str]
    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    starttls: bool = True
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of CAP documents; `secret` signs them."""

    name: str
    kinds: frozenset[str]
    url: str
    secret: str


Channel = Mail | Webhook


def read_channels(path: Path) -> tuple[Channel, ...]:
    """Return the channels in a file that only its owner may read. Raises ChannelsRefused."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ChannelsRefused(f"{path} can be read by others; chmod 600 it")
    try:
        given = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ChannelsRefused(f"{path} is not JSON") from error
    if not isinstance(given, dict):
        raise ChannelsRefused(f"{path} is not an object")
    channels: list[Channel] = []
    for number, entry in enumerate(given.get("mail", [])):
        channels.append(_mail(entry, f"mail/{number}"))
    for number, entry in enumerate(given.get("webhooks", [])):
        channels.append(_webhook(entry, f"webhooks/{number}"))
    names = [channel.name for channel in channels]
    if len(set(names)) != len(names):
        raise ChannelsRefused("two channels have one name")
    return tuple(channels)


def _mail(entry: Any, place: str) -> Mail:
    to = entry.get("to") if isinstance(entry, dict) else None
    if not isinstance(to, list) or not to or not all(isinstance(one, str) for one in to):
        raise ChannelsRefused(f"{place}/to is not a list of addresses")
    return Mail(
        name=_text(entry, "name", place),
        kinds=_kinds(entry, place),
        host=_text(entry, "host", place),
        port=int(entry.get("port", 587)),
        sender=_text(entry, "sender", place),
        to=tuple(to),
        starttls=entry.get("starttls") is not False,
        user=str(entry.get("user", "")),
        password=str(entry.get("password", "")),
    )


def _webhook(entry: Any, place: str) -> Webhook:
    url = _text(entry, "url", place)
    if not url.startswith(("https://", "http://")):
        raise ChannelsRefused(f"{place}/url is not an http(s) URL")
    return Webhook(
        _text(entry, "name", place), _kinds(entry, place), url, _text(entry, "secret", place)
    )


def _kinds(entry: dict[str, Any], place: str) -> frozenset[str]:
    given = frozenset(entry.get("kinds", PUBLIC))
    if not given <= KINDS:
        raise ChannelsRefused(f"{place}/kinds has others than {', '.join(sorted(KINDS))}")
    return given


def _text(entry: Any, name: str, place: str) -> str:
    found = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(found, str) or not found:
        raise ChannelsRefused(f"{place}/{name} is missing")
    return found
