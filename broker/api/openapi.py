"""The OpenAPI 3.1 document, made from the dispatch table."""

from __future__ import annotations

import re
from typing import Any

from broker.api.schemas import SCHEMAS
from broker.api.table import Param, Route, Table

_PROBLEM = {"application/json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
_COMMON_ERRORS = {
    400: "The request breaks a rule; `place` says where, `remedy` what to do.",
    406: "Accept names nothing that can be produced.",
    408: "The request did not arrive in time.",
    414: "The target is too long.",
    431: "The headers are too many or too large.",
}
_BODY_ERRORS = {
    411: "The body came without Content-Length.",
    413: "The body is too large.",
    415: "Content-Type or Content-Encoding is not taken; a header says which is.",
}
_BARE = frozenset((411, 415))
_ERRORS = {
    401: "No key, or one that is not known, has expired or was revoked.",
    403: "Refused.",
    404: "No such entity, attribute or tenant.",
    409: "It exists already, or a rule of the type refuses.",
    412: "A precondition did not hold.",
    422: "It cannot be done, or the Idempotency-Key was used with another body.",
    426: "The request is no WebSocket handshake.",
    429: "The caller asks more than it may, or has too many streams open.",
    503: "The broker is shutting down, or all its streams are taken.",
    504: "A remote @context could not be fetched.",
}

_PATH: dict[str, tuple[str, dict[str, Any]]] = {
    "keyId": ("Id of the key.", {"type": "string"}),
    "policyId": ("Id of the policy.", {"type": "string", "format": "uri"}),
    **dict.fromkeys(
        ("id", "entityId"),
        ("The entity's id, percent-encoded.", {"type": "string", "format": "uri"}),
    ),
    "instanceId": (
        "The instance's id as history shows it, percent-encoded.",
        {"type": "string", "format": "uri"},
    ),
    "subscriptionId": (
        "The subscription's id, percent-encoded.",
        {"type": "string", "format": "uri"},
    ),
    "registrationId": (
        "The registration's id, percent-encoded.",
        {"type": "string", "format": "uri"},
    ),
    "contextId": (
        "The id of a context, or the URL of a cached one, percent-encoded.",
        {"type": "string", "minLength": 1},
    ),
    "letter": ("The dead letter's id.", {"type": "string", "pattern": "^[1-9][0-9]*-[1-9][0-9]*$"}),
    "attrId": ("The attribute's name or IRI, percent-encoded.", {"type": "string", "minLength": 1}),
    "type": ("The entity type's name or IRI, percent-encoded.", {"type": "string", "minLength": 1}),
}
_FORMS: dict[str, dict[str, Any]] = {
    "NGSILD-Tenant": {"pattern": "^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$"},
    "If-Match": {"pattern": '^(\\*|"v[0-9]{1,18}-[0-9a-f]{1,16}")$'},
    "Idempotency-Key": {"pattern": "^[!-~]{1,255}$"},
}


def document(table: Table, version: str) -> dict[str, Any]:
    """Return the OpenAPI document of all routes."""
    paths: dict[str, Any] = {}
    for route in table.routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Machi broker",
            "version": version,
            "description": "NGSI-LD (ETSI GS CIM 009 V1.9.1) and Machi's extensions under /ex.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }


def _parameter(where: str, name: str, text: str, schema: Any, required: bool) -> dict[str, Any]:
    return {
        "in": where, "name": name, "description": text, "schema": schema, "required": required,
    }  # fmt: skip


def _query(param: Param) -> dict[str, Any]:
    told = _parameter("query", param.name, param.text, param.schema, False)
    if param.example is not None:
        told["example"] = param.example
    return told


def headers(route: Route) -> list[tuple[str, str, str]]:
    """Return the request headers an operation reads: (name, what for, example)."""
    found = []
    if route.template.startswith("/ngsi-ld"):
        found = [
            ("NGSILD-Tenant", "The tenant; absent: the default tenant.", "drill"),
            ("Link", "The @context that names are expanded with.", ""),
        ]
    if route.geojson:
        found.append(
            (
                "Prefer",
                "An older version of NGSI-LD, answered with 203 where something had to change; "
                "or `body=json`: no @context in GeoJSON.",
                "ngsi-ld=1.5",
            )
        )
    if route.if_match:
        found.append(("If-Match", "Only if the entity is still at this ETag.", '"v3-1f2e"'))
    if route.idempotent_key:
        found.append(("Idempotency-Key", "Makes repeating the request harmless.", "8f14e45f"))
    return found


def path_parameters(route: Route) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the parameters in the path of an operation: (name, what for, schema)."""
    return [(name, *_PATH[name]) for name in re.findall(r"{(\w+)}", route.template)]


def _operation(route: Route) -> dict[str, Any]:
    parameters = [
        _parameter("path", name, text, schema, True)
        for name, text, schema in path_parameters(route)
    ]
    parameters += [_query(param) for param in route.query]
    parameters += [
        _parameter("header", name, text, {"type": "string", **_FORMS.get(name, {})}, False)
        for name, text, _ in headers(route)
    ]
    told: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": parameters,
        "responses": responses(route),
    }
    if route.text:
        told["description"] = route.text
    if route.body is not None:
        schema = {"$ref": f"#/components/schemas/{route.body.schema}"}
        told["requestBody"] = {
            "required": True,
            "content": {route.body.types[0]: {"schema": schema, "example": route.body.example}},
        }
    return told


def responses(route: Route) -> dict[str, Any]:
    """Return what an operation answers, by status."""
    told: dict[str, Any] = {}
    for status, (text, schema) in route.answers.items():
        answer: dict[str, Any] = {"description": text}
        if schema is not None:
            ref = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
            answer["content"] = {"application/json": ref}
        told[str(status)] = answer
    errors = dict(_COMMON_ERRORS)
    if route.body is not None:
        errors |= _BODY_ERRORS
    more = (401, 403, 404, 429) if route.template.startswith("/ngsi-ld") else ()
    errors |= {status: _ERRORS[status] for status in (*more, *route.errors)}
    for status, text in sorted(errors.items()):
        told[str(status)] = {"description": text}
        if status not in _BARE:
            told[str(status)]["content"] = _PROBLEM
    return told
