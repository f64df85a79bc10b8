"""What people type into the staff page's forms, within limits."""

from __future__ import annotations

import re
from typing import Final

from apps.shell.refused import FormRefused

STAFF: Final = re.compile(r"[A-Za-z0-9-]{1,20}")


def staff_number(fields: dict[str, str]) -> str:
    """Return the number a person gave. Raises FormRefused."""
    given = fields.get("staff", "").strip()
    if not STAFF.fullmatch(given):
        raise FormRefused("bad_staff")
    return given


def whole(fields: dict[str, str], name: str, most: int) -> int:
    """Return a whole number from 1 to `most`. Raises FormRefused."""
    given = fields.get(name, "")
    if not re.fullmatch(r"[0-9]{1,6}", given) or not 1 <= int(given) <= most:
        raise FormRefused("bad_form")
    return int(given)


def chosen(fields: dict[str, str], prefix: str) -> list[int]:
    """Return the numbers of the boxes that were ticked, whose names are `prefix` and a number."""
    names = (name.removeprefix(prefix) for name in fields if name.startswith(prefix))
    return sorted(int(name) for name in names if re.fullmatch(r"[0-9]{1,15}", name))


def text(fields: dict[str, str], name: str, most: int, *, lines: bool) -> str:
    """Return a text of at most so many characters, of one line or several. Raises FormRefused."""
    given = fields.get(name, "").replace("\r\n", "\n").strip()
    allowed = "\n" if lines else ""
    if len(given) > most or any(not c.isprintable() and c not in allowed for c in given):
        raise FormRefused("bad_text")
    return given
