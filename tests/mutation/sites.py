"""Where the broker asks its guard, and the same code without one of these calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
NAMES: Final = frozenset({"guard", "quiet"})
"""What a guard is called, without underscores and what holds it."""
INSTEAD: Final = {"allow": None, "may_write": None, "narrow": -1, "view": -1, "deliver": -1}
"""Calls by name, and which argument stands for a call that is taken away; None for nothing."""


@dataclass(frozen=True, slots=True)
class Site:
    """A call: its file from the project's root, its line, which call of the file it is."""

    file: str
    line: int
    number: int
    call: str

    @property
    def module(self) -> str:
        """Return the name of the module."""
        return self.file.removesuffix(".py").replace("/", ".")

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.call}"


def sites() -> Iterator[Site]:
    """Yield every call of a guard in the broker, but for the guard's own."""
    for path in sorted((ROOT / "broker").rglob("*.py")):
        if path.name != "guard.py":
            tree = ast.parse(path.read_text())
            for number, call in enumerate(_calls(tree)):
                name = str(path.relative_to(ROOT))
                yield Site(name, call.lineno, number, ast.unparse(call.func))


def without(source: str, number: int) -> ast.Module:
    """Return a module's code without the call of this number."""
    tree = ast.parse(source)
    gone = _calls(tree)[number]
    changed = _Without(gone).visit(tree)
    ast.fix_missing_locations(changed)
    assert isinstance(changed, ast.Module)
    return changed


class _Without(ast.NodeTransformer):
    def __init__(self, gone: ast.Call) -> None:
        self._gone = gone

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if node is self._gone:
            assert isinstance(node.func, ast.Attribute)
            instead = INSTEAD[node.func.attr]
            return ast.Constant(None) if instead is None else node.args[instead]
        return self.generic_visit(node)


def _calls(tree: ast.AST) -> list[ast.Call]:
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in INSTEAD
        and ast.unparse(node.func.value).rpartition(".")[2].strip("_") in NAMES
    ]
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))
