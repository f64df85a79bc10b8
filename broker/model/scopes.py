"""Scopes: places in a hierarchy an entity belongs to (§4.18)."""

from __future__ import annotations

import re
from typing import Any

from broker.model.limits import NAME_LENGTH, SCOPES
from broker.model.place import At, bad, show

_SCOPE = re.compile(r"/?[^\W\d_]\w*(?:/[^\W\d_]\w*)*")


def parse_scope(value: Any, at: At) -> list[str]:
    """Return a scope or list of scopes as a list without repeats, each as it was written."""
    if type(value) is str:
        return [_check_scope(value, at)]
    if type(value) is not list or not value or len(value) > SCOPES:
        raise bad(
            at,
            f"A scope must be a string or a list of 1 to {SCOPES} strings; this is {show(value)}.",
            'Give for example "scope": "/Hitoyoshi/North", or leave scope out.',
        )
    return list(dict.fromkeys(_check_scope(item, (at, index)) for index, item in enumerate(value)))


def _check_scope(value: Any, at: At) -> str:
    if type(value) is not str or len(value) > NAME_LENGTH or _SCOPE.fullmatch(value) is None:
        raise bad(
            at,
            f"{show(value)} is not a scope.",
            "A scope is a path such as /Hitoyoshi/North: levels parted by a single /, each "
            "starting with a letter and going on with letters, digits and _.",
        )
    scope: str = value
    return scope
