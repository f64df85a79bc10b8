"""Where the broker asks its guard, and the same code without one of these calls."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
NAMES: Final = frozenset({"guard", "quiet"})
"""What a guard is called, without underscores and what holds it."""
INSTEAD: Final[dict[str, Callable[[ast.Call], ast.expr]]] = {
    "allow": lambda _: ast.Constant(None),
    "may_write": lambda _: ast.Constant(None),
    "narrow": lambda call: call.args[-1],
    "view": lambda call: call.args[-1],
    "deliver": lambda call: call.args[-1],
    "lens": lambda _: ast.Constant(""),
    "administers": lambda _: ast.Constant(True),
}
"""Calls by name, and what stands for one that is taken away: the answer of a guard that allows.

`lens` names a rendering that the API keeps. What is kept under one name and looked for under
another is not found, so there one call taken away shows nobody anything, and is left alone: no lens
is empty where a guard hides something, and to keep and to look for it is asked for anew.
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A call: its file from the project's root, its line, which call of the file it is."""

    file: str
    line: int
    number: int
    call: str

    @property
    def key(self) -> str:
        """Return what the plugin calls it: `broker/entities/service.py 3`."""
        return f"{self.file} {self.number}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.call}"


def sites() -> Iterator[Site]:
    """Yield every call of a guard in the broker, but for the guard's own."""
    for path in sorted((ROOT / "broker").rglob("*.py")):
        if path.name != "guard.py":
            name = str(path.relative_to(ROOT))
            for number, call in enumerate(_calls(ast.parse(path.read_text()))):
                site = Site(name, call.lineno, number, ast.unparse(call.func))
                if not (site.call.endswith(".lens") and name.startswith("broker/api/")):
                    yield site


def without(source: str, number: int) -> ast.Module:
    """Return a module's code without the call of this number."""
    return _changed(source, lambda at, call: _instead(call) if at == number else None)


def reporting(source: str, name: str) -> ast.Module:
    """Return a module's code in which each call tells its number to the function of this name.

    `guard.allow(…)` becomes `name(3, guard.allow)(…)`.
    """

    def told(at: int, call: ast.Call) -> ast.expr:
        call.func = ast.Call(ast.Name(name, ast.Load()), [ast.Constant(at), call.func], [])
        return call

    return _changed(source, told)


def _instead(call: ast.Call) -> ast.expr:
    return INSTEAD[ast.unparse(call.func).rpartition(".")[2]](call)


def _changed(source: str, change: Callable[[int, ast.Call], ast.expr | None]) -> ast.Module:
    tree = ast.parse(source)
    changed = _Change({id(call): at for at, call in enumerate(_calls(tree))}, change).visit(tree)
    ast.fix_missing_locations(changed)
    assert isinstance(changed, ast.Module)
    return changed


class _Change(ast.NodeTransformer):
    def __init__(
        self, numbers: dict[int, int], change: Callable[[int, ast.Call], ast.expr | None]
    ) -> None:
        self._numbers = numbers
        self._change = change

    def visit_Call(self, node: ast.Call) -> ast.AST:
        number = self._numbers.get(id(node))
        self.generic_visit(node)
        return (None if number is None else self._change(number, node)) or node


def _calls(tree: ast.AST) -> list[ast.Call]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _asks(node)]
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


def _asks(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id="administers"):
            return True
        case ast.Attribute(value=holder, attr=name):
            held = ast.unparse(holder).rpartition(".")[2].strip("_")
            return name in INSTEAD and held in NAMES
        case _:
            return False
