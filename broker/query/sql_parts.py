"""SQL text with its bindings, and how pieces of it are joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

Binding: TypeAlias = int | float | str
Intern: TypeAlias = Callable[[str], int | None]
"""From the IRI of an attribute to its number, None where the tenant never stored it."""


@dataclass(frozen=True, slots=True)
class Sql:
    """SQL text and the values of its `?` in order."""

    text: str
    params: tuple[Binding, ...] = ()


TRUE = Sql("1")
FALSE = Sql("0")


def join(*parts: str | Sql) -> Sql:
    """Return pieces one after the other."""
    text = "".join(part if isinstance(part, str) else part.text for part in parts)
    params = [value for part in parts if isinstance(part, Sql) for value in part.params]
    return Sql(text, tuple(params))


def chain(operator: str, parts: list[Sql], empty: Sql) -> Sql:
    """Join conditions as a balanced tree, for SQLite limits the depth of an expression."""
    if not parts:
        return empty
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    left = chain(operator, parts[:half], empty)
    return join("(", left, operator, chain(operator, parts[half:], empty), ")")


def marks(values: tuple[Any, ...] | list[Any]) -> str:
    """Return the `?` for a list of values."""
    return ", ".join("?" * len(values))


def exists(rows: Sql, condition: Sql) -> Sql:
    """Return the condition that some of the rows satisfy one."""
    return join("EXISTS (SELECT 1 FROM ", rows, " WHERE ", condition, ")")
