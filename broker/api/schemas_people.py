"""JSON Schemas of what concerns people: sessions, keys, what was shown of them, counts."""

from __future__ import annotations

from typing import Any

_KEY: dict[str, Any] = {
    "type": "object",
    "required": ["id", "created", "valid", "askedToday", "refusedToday"],
    "properties": {
        "id": {"type": "string"},
        "created": {"type": "string", "format": "date-time"},
        "expires": {"type": ["string", "null"], "format": "date-time"},
        "revoked": {"type": ["string", "null"], "format": "date-time"},
        "valid": {"type": "boolean"},
        "askedToday": {"type": "integer"},
        "refusedToday": {"type": "integer"},
    },
}
_COUNTED: dict[str, Any] = {
    "type": "object",
    "required": ["id", "type", "rows", "columns", "stepSeconds", "minimumGroupSize"],
    "properties": {
        "id": {"type": "string", "format": "uri"},
        "type": {"type": "string"},
        "rows": {"type": "string"},
        "columns": {"type": "string"},
        "stepSeconds": {"type": "integer"},
        "minimumGroupSize": {"type": "integer"},
        "rounding": {"type": "integer"},
        "purposes": {"type": "array", "items": {"type": "string"}},
    },
}

_NOTED: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200}

PEOPLE: dict[str, Any] = {
    "Credentials": {
        "type": "object",
        "required": ["name", "password"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 1024},
            "password": {"type": "string", "minLength": 1, "maxLength": 1024},
        },
    },
    "Session": {
        "type": "object",
        "required": ["token", "user", "roles", "expires"],
        "properties": {
            "token": {"type": "string"},
            "user": {"type": "string"},
            "roles": {"type": "array", "items": {"type": "string"}},
            "expires": {"type": "string", "format": "date-time"},
        },
    },
    "CountsList": {"type": "array", "items": _COUNTED},
    "Counts": {
        **_COUNTED,
        "required": [*_COUNTED["required"], "day", "counts"],
        "properties": {
            **_COUNTED["properties"],
            "day": {"type": "string", "format": "date"},
            "counts": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["row", "from", "people"],
                    "properties": {
                        "row": {"type": "string"},
                        "from": {"type": "string", "format": "date-time"},
                        "people": {"type": ["integer", "null"]},
                    },
                },
            },
        },
    },
    "Keys": {
        "type": "object",
        "required": ["client", "keys"],
        "properties": {
            "client": {"type": "string"},
            "rate": {"type": ["number", "null"]},
            "quota": {"type": ["integer", "null"]},
            "keys": {"type": "array", "items": _KEY},
        },
    },
    "MadeKey": {**_KEY, "properties": {**_KEY["properties"], "key": {"type": "string"}}},
    "CurrentSession": {
        "type": "object",
        "required": ["user", "roles"],
        "properties": {
            "user": {"type": "string"},
            "roles": {"type": "array", "items": {"type": "string"}},
        },
    },
    "NotedDisclosures": {
        "type": "array",
        "minItems": 1,
        "maxItems": 1000,
        "items": {
            "type": "object",
            "required": ["holder", "user", "action", "target", "attributes"],
            "properties": {
                "holder": _NOTED,
                "user": _NOTED,
                "action": {"enum": ["decrypt", "export"]},
                "target": _NOTED,
                "attributes": {"type": "array", "minItems": 1, "maxItems": 200, "items": _NOTED},
                "reason": _NOTED,
            },
        },
    },
    "Disclosures": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["n", "at", "actor", "action", "target", "basis"],
            "properties": {
                "n": {"type": "integer"},
                "at": {"type": "string", "format": "date-time"},
                "tenant": {"type": "string"},
                "holder": {"type": "string"},
                "actor": {"type": "string"},
                "user": {"type": ["string", "null"]},
                "purpose": {"type": ["string", "null"]},
                "action": {"enum": ["read", "notify", "override", "decrypt", "export"]},
                "target": {"type": "string"},
                "attributes": {"type": "array", "items": {"type": "string"}},
                "basis": {"type": "string"},
                "reason": {"type": "string"},
            },
        },
    },
}
