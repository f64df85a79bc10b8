"""Checks of single members of a subscription; each refusal names place and remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import unquote

from broker.model.names import Names, check_attribute_name, check_name
from broker.model.place import At, bad, show

MOST: Final = 1000
"""Elements of a list in a subscription."""
TEXT: Final = 8192
"""Characters of a text in a subscription."""
LONGEST: Final = 10 * 366 * 86_400.0
"""Seconds an interval can be."""

_TOKEN: Final = re.compile(r'[^\s,;|()"<>\\^`{}]+')
_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")


def an_object(value: Any, at: At, what: str) -> dict[str, Any]:
    """Return an object with something in it."""
    if value == {}:
        raise bad(at, f"{what} is empty.", "Give its members.")
    if type(value) is not dict:
        raise bad(at, f"{what} must be an object; this is {show(value)}.", "Give its members.")
    return value


def text(value: Any, at: At) -> str:
    """Return a text that is not empty."""
    if type(value) is not str or not value.strip() or len(value) > TEXT:
        raise bad(
            at,
            f"This must be a text of 1 to {TEXT} characters; it is {show(value)}.",
            "Give a text, or leave the member out.",
        )
    return value


def flag(value: Any, at: At) -> bool:
    """Return a boolean."""
    if type(value) is not bool:
        raise bad(at, f"This must be true or false; it is {show(value)}.", "Send a JSON boolean.")
    return value


def positive(value: Any, at: At, unit: str, most: float = LONGEST) -> float:
    """Return a number above zero."""
    if type(value) not in (int, float) or not 0 < value <= most or not math.isfinite(value):
        raise bad(
            at,
            f"This must be a number of {unit} above 0; it is {show(value)}.",
            f"Give a JSON number of {unit}, at most {most:.0f}, or leave the member out.",
        )
    number: float = value
    return number


def a_list(value: Any, at: At, what: str) -> list[Any]:
    """Return a list with something in it."""
    if type(value) is not list or not 0 < len(value) <= MOST:
        found = f"has {len(value)}" if type(value) is list else f"is {show(value)}"
        raise bad(
            at,
            f"This must be a list of 1 to {MOST} {what}; it {found}.",
            f"Give the {what} as a JSON array, or leave the member out.",
        )
    return value


def one_of(value: Any, at: At, allowed: Collection[str]) -> str:
    """Return one of a few words."""
    if type(value) is not str or value not in allowed:
        raise bad(at, f"{show(value)} is not known here.", f"Use one of {', '.join(allowed)}.")
    return value


def attribute_names(value: Any, at: At, context: Names) -> list[str]:
    """Return the IRIs of a list of attribute names."""
    names = a_list(value, at, "attribute names")
    return [
        context.expand(check_attribute_name(name, (at, index))) for index, name in enumerate(names)
    ]


def type_selection(value: Any, at: At, context: Names) -> str:
    """Return a type selection with full names; its grammar is checked by who parses it."""
    if type(value) is not str or not value:
        raise bad(
            at,
            f"The type of an entity selector must be a text; this is {show(value)}.",
            'Give for example "type": "River", "River,Lake", "(River;Waterway)", or "*" for any.',
        )
    if value == "*":
        return value
    return _TOKEN.sub(lambda match: context.expand(check_name(match.group(), at)), value)


def compacted_types(selection: str, context: Names) -> str:
    """Return a type selection with short names."""
    if selection == "*":
        return selection
    return _TOKEN.sub(lambda match: context.compact(match.group()), selection)


def decoded(value: str) -> str:
    """Return a query in a body, which clients send percent-encoded at times."""
    if not _ENCODED.search(value):
        return value
    return unquote(value)


def pairs(value: Any, at: At) -> list[dict[str, str]]:
    """Return a list of KeyValuePair (§5.2.22)."""
    found = a_list(value, at, "pairs of key and value")
    for index, pair in enumerate(found):
        place = (at, index)
        if type(pair) is not dict:
            raise bad(place, "This is no pair of key and value.", 'Send {"key": …, "value": …}.')
        for member in ("key", "value"):
            given = pair.get(member)
            if type(given) is not str or (member == "key" and not given):
                raise bad(
                    (place, member),
                    f"{member} must be a text; it is {show(given)}.",
                    "Both key and value are needed, and both are texts.",
                )
    return [{"key": pair["key"], "value": pair["value"]} for pair in found]
