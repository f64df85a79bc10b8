"""The model browser: subjects, models and attributes of the registry, the town's own first."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from apps.portal.texts import TEXTS
from apps.shell.language import language_of
from apps.shell.pages import trouble
from smart_data_models.errors import NoRegistry
from smart_data_models.model import Attribute, Model
from smart_data_models.registry import Registry

Row = TypeVar("Row", bound=tuple[Any, ...])

OWN: Final = "Machi"
"""The subject of the town's own models."""

PARTS: Final = ("lost", "subjects", "subject", "names", "search", "hits", "model")
"""What the page may show."""

LONGEST: Final = 100
"""Characters of a search that are looked at."""


async def models_page(request: Request) -> Response:
    """Return `?subject=&model=`, `?subject=`, `?q=`, or the subjects; 404 for what is not there."""
    language = language_of(request)
    asked = request.query_params
    try:
        registry = Registry(request.app.state.registry)
    except NoRegistry:
        return _page(request, language, 503, {"lost": True})
    try:
        found = _found(registry, asked.get("subject"), asked.get("model"), asked.get("q"))
    finally:
        registry.close()
    if found is None:
        return trouble(404, language)
    return _page(request, language, 200, found)


def _found(
    registry: Registry, subject: str | None, name: str | None, search: str | None
) -> dict[str, Any] | None:
    if subject and name:
        model = registry.model(subject, name)
        return {"model": _shown(model)} if model else None
    if subject:
        names = registry.names(subject)
        return {"subject": subject, "names": names} if names else None
    if search and search.strip():
        text = search.strip()[:LONGEST]
        return {"search": text, "hits": own_first(registry.search(text))}
    return {"subjects": own_first(registry.subjects())}


def own_first(rows: list[Row]) -> list[Row]:
    """Return rows that begin with a subject, the town's own before the others."""
    return sorted(rows, key=lambda row: row[0] != OWN)


def _shown(model: Model) -> dict[str, Any]:
    return {
        "subject": model.subject,
        "name": model.name,
        "iri": model.iri,
        "description": model.description,
        "version": model.version,
        "licence": model.licence,
        "own": model.origin == "own",
        "attributes": [_attribute(each, model.required) for each in model.attributes],
    }


def _attribute(attribute: Attribute, required: tuple[str, ...]) -> dict[str, Any]:
    schema = attribute.schema
    return {
        "path": attribute.path,
        "iri": attribute.iri,
        "kind": attribute.kind,
        "json": json_type(schema),
        "values": [str(one) for one in enumeration(schema)],
        "description": attribute.description,
        "units": attribute.units,
        "required": attribute.path in required,
    }


def json_type(schema: dict[str, Any]) -> str:
    """Return a schema's JSON type in words: `string`, `array of number`, `string | null`."""
    declared = schema.get("type")
    if isinstance(declared, list):
        return " | ".join(map(str, declared))
    items = schema.get("items")
    if declared == "array" and isinstance(items, dict) and (inner := json_type(items)):
        return f"array of {inner}"
    if declared is not None:
        return str(declared)
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    found = [json_type(each) for each in choices if isinstance(each, dict)]
    return " | ".join(dict.fromkeys(filter(None, found)))


def enumeration(schema: dict[str, Any]) -> list[Any]:
    """Return the values a schema allows, of its items where it is an array; empty for any."""
    if "enum" in schema:
        return list(schema["enum"])
    items = schema.get("items")
    return enumeration(items) if isinstance(items, dict) else []


def _page(request: Request, language: str, status: int, found: dict[str, Any]) -> Response:
    asked = {name: text for name, text in request.query_params.items() if name != "lang"}
    page = request.app.state.pages.template("models.html").render(
        t=TEXTS[language],
        language=language,
        asked=asked,
        found={**dict.fromkeys(PARTS), **found},
    )
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return HTMLResponse(page, status_code=status, headers=headers)
