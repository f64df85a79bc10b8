"""Where in a request a fault lies, told only when there is one."""

from __future__ import annotations

from typing import Any, TypeAlias

from broker.errors import BadRequestData

At: TypeAlias = "str | tuple[At, str | int]"
"""A place: a root such as `body:` or `query:observedAt`, or (place above, key or index).

Built on the way down for the price of a tuple; `locate` writes it out.
"""


def locate(at: At) -> str:
    """Return the place as text: its root followed by a JSON pointer (RFC 6901)."""
    steps: list[str] = []
    while isinstance(at, tuple):
        at, step = at
        steps.append(str(step).replace("~", "~0").replace("/", "~1"))
    return "".join([at, *(f"/{step}" for step in reversed(steps))])


def bad(at: At, detail: str, remedy: str) -> BadRequestData:
    """Return the error for a value at `at` that breaks a rule of the data model."""
    return BadRequestData(detail, place=locate(at), remedy=remedy)


def show(value: Any) -> str:
    """Return a value as an error message quotes it: short, on one line."""
    if isinstance(value, str):
        return repr(value) if len(value) <= 80 else repr(value[:77]) + "…"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, (int, float)) else _KINDS.get(type(value), "no JSON")


_KINDS: dict[type, str] = {dict: "an object", list: "an array", type(None): "null"}
