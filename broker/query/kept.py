"""The AST as JSON, for what is kept longer than a request, and back."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from broker.query import ast
from broker.query.ast import Node, Op


def dump_node(node: Node) -> Any:
    """Return a node as JSON. What a node holds as JSON itself (a geometry) must have no arrays."""
    return _dump(node)


def load_node(dumped: Any) -> Node:
    """Return the node that `dump_node` was given."""
    node: Node = _load(dumped)
    return node


def _dump(value: Any) -> Any:
    if is_dataclass(value):
        members = {field.name: _dump(getattr(value, field.name)) for field in fields(value)}
        return {"@": type(value).__name__, **members}
    if isinstance(value, tuple):
        return [_dump(each) for each in value]
    return value


def _load(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_load(each) for each in value)
    if not isinstance(value, dict):
        return value
    members = {name: _load(each) for name, each in value.items() if name != "@"}
    if "op" in members:
        members["op"] = Op(members["op"])
    return getattr(ast, value["@"])(**members)
