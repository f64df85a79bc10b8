"""Write what the dispatch table says of each operation into docs/api/, beside the examples there.

Each operation has a part between `<!-- name -->` and `<!-- /name -->`, made from the table;
what follows it, the examples, is written by hand. `python tools/api_docs.py` renews the parts and
adds those of new operations at the end of their page.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from broker import errors
from broker.api.openapi import headers, path_parameters, responses
from broker.api.routes import TABLE
from broker.api.table import Route
from broker.errors import MachiError

FOLDER = Path(__file__).parents[1] / "docs" / "api"
EVERYWHERE = frozenset((400, 406, 408, 411, 413, 414, 415, 431))
"""Statuses of errors that README.md explains once for all operations."""

COMMON_HEADERS = frozenset(("NGSILD-Tenant", "Link"))


def page_of(route: Route) -> str:
    """Return the name of the page an operation is on."""
    return f"{route.tag.lower()}.md"


def part(route: Route) -> str:
    """Return the part of an operation."""
    lines = [f"## {route.summary}", "", f"`{route.method} {route.template}`", ""]
    if route.text:
        lines += [route.text, ""]
    rows = [*_parameters(route)]
    if rows:
        lines += ["| parameter | in | what it does | values |", "|---|---|---|---|", *rows, ""]
    lines += ["| answer | when |", "|---|---|", *_answers(route)]
    return _marked(route.name, "\n".join(lines))


def error_table() -> str:
    """Return the table of all types of errors."""
    lines = ["| status | type | when |", "|---|---|---|"]
    for kind in error_kinds():
        name = kind.type.removeprefix(errors.ETSI)
        when = (kind.__doc__ or "").partition(": ")[2].partition("\n\n")[0]
        lines.append(f"| {kind.status} | `{name}` | {' '.join(when.split())} |")
    return _marked("errors", "\n".join(lines))


def renewed(page: str, name: str, text: str) -> str:
    """Return a page with a part renewed, or added at its end."""
    pattern = re.compile(rf"<!-- {name} -->\n.*?<!-- /{name} -->", re.DOTALL)
    if pattern.search(page):
        return pattern.sub(lambda _: text, page)
    return f"{page.rstrip()}\n\n{text}\n"


def pages() -> dict[str, str]:
    """Return all pages with parts as they should be, by name."""
    found: dict[str, str] = {}
    for route in TABLE.routes:
        name = page_of(route)
        path = FOLDER / name
        page = found.get(name) or (path.read_text() if path.exists() else f"# {route.tag}\n")
        found[name] = renewed(page, route.name, part(route))
    found["errors.md"] = renewed((FOLDER / "errors.md").read_text(), "errors", error_table())
    return found


def error_kinds() -> list[type[MachiError]]:
    """Return all types of errors, by status."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    own = [kind for kind in kinds if issubclass(kind, MachiError) and kind is not MachiError]
    return sorted(own, key=lambda kind: (kind.status, kind.type))


def _parameters(route: Route) -> list[str]:
    rows = [_row(name, "path", text, schema) for name, text, schema in path_parameters(route)]
    for param in route.query:
        example = "" if param.example is None else f", e.g. `{param.example}`"
        rows.append(_row(param.name, "query", param.text, param.schema, example))
    rows += [
        _row(name, "header", text, {"type": "string"}, f", e.g. `{example}`")
        for name, text, example in headers(route)
        if name not in COMMON_HEADERS
    ]
    return rows


def _row(name: str, where: str, text: str, schema: dict[str, Any], example: str = "") -> str:
    cells = [f"`{name}`", where, text, _values(schema) + example]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _values(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    told = str(schema.get("format", schema.get("type", "")))
    if "minimum" in schema:
        told += f" from {schema['minimum']}"
    if "maximum" in schema:
        told += f" to {schema['maximum']}"
    return told + (f", default `{schema['default']}`" if "default" in schema else "")


def _answers(route: Route) -> list[str]:
    return [
        f"| {status} | {told['description']} |"
        for status, told in responses(route).items()
        if int(status) not in EVERYWHERE
    ]


def _marked(name: str, text: str) -> str:
    return f"<!-- {name} -->\n{text}\n<!-- /{name} -->"


def main() -> int:
    """Renew the pages and say which changed."""
    for name, text in pages().items():
        path = FOLDER / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"renewed {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
