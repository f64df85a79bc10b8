"""Ultralight 2.0: measures, commands and results as text. Pure.

t|15|k|abc                       two measures
2016-06-13T00:35:30Z|lle|100     a group with its time
gps|1.2/3.4#t|10                 two groups
door@unlock|seconds=5            a command; `door@unlock|opened` is its result
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.common.times import measured_at
from adapters.contract import BadPayload, CommandFailed

Group = tuple[str | None, dict[str, str]]
"""The time of a group in UTC, None where it has none, and its values by name."""


def text_of(payload: bytes) -> str:
    """Return a payload as text. Raises BadPayload."""
    try:
        return payload.decode().strip()
    except UnicodeDecodeError as error:
        raise BadPayload("not UTF-8", place="body") from error


def measures(payload: bytes) -> list[Group]:
    """Return the groups of measures in a payload. Raises BadPayload."""
    return [
        _group(group, f"body:group {number}")
        for number, group in enumerate(text_of(payload).split("#"))
    ]


def with_time(payload: bytes, time: str) -> bytes:
    """Return the payload with a time put before each group that has none."""
    groups = payload.split(b"#")
    timed = [g if g.count(b"|") % 2 == 0 else time.encode() + b"|" + g for g in groups]
    return b"#".join(timed)


def result(payload: bytes) -> tuple[str, str, str]:
    """Return device, command and result in a device's answer. Raises BadPayload."""
    head, bar, answer = text_of(payload).partition("|")
    device, at, command = head.partition("@")
    if not (at and device and command and bar):
        raise BadPayload("not device@command|result", place="body")
    return device, command, answer


def is_result(payload: bytes) -> bool:
    """Say whether a payload is the result of a command, not a measure."""
    return b"@" in payload.partition(b"|")[0]


def command(device: str, name: str, argument: Any) -> bytes:
    """Return the text of a command. Raises CommandFailed for what Ultralight cannot say."""
    if isinstance(argument, Mapping):
        parts = [f"{key}={_plain(part)}" for key, part in argument.items()]
    elif isinstance(argument, list):
        parts = [_plain(part) for part in argument]
    else:
        parts = [_plain(argument)]
    if any(sign in part for part in parts for sign in "|#\n\r"):
        raise CommandFailed("an argument holds a sign that Ultralight uses itself: | or #")
    return "|".join([f"{device}@{name}", *parts]).encode()


def _group(text: str, place: str) -> Group:
    parts = text.split("|")
    time = None
    if len(parts) % 2:
        if len(parts) == 1:
            raise BadPayload("a measure without a value", place=place)
        time = measured_at(parts[0], place=place)
        parts = parts[1:]
    values = dict(zip(parts[::2], parts[1::2], strict=True))
    if "" in values:
        raise BadPayload("a measure without a name", place=place)
    return time, values


def _plain(argument: Any) -> str:
    if isinstance(argument, bool):
        return "true" if argument else "false"
    if isinstance(argument, Mapping | list):
        raise CommandFailed("an argument is nested; Ultralight has only plain ones")
    return str(argument)
