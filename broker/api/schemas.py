"""JSON Schemas of what the API takes and gives, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from broker.api.schemas_people import PEOPLE

_URI = {"type": "string", "format": "uri"}
_TYPE = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}

SCHEMAS: dict[str, Any] = {
    "Entity": {
        "type": "object",
        "required": ["id", "type"],
        "properties": {
            "id": _URI,
            "type": _TYPE,
            "scope": _TYPE,
            "location": {"type": "object"},
        },
        "additionalProperties": True,
        "description": "Normalized or concise; attributes are objects, arrays or plain values.",
    },
    "EntityFragment": {"type": "object", "additionalProperties": True, "minProperties": 1},
    "AttributeFragment": {"type": "object", "additionalProperties": True, "minProperties": 1},
    "EntityList": {"type": "array", "items": {"$ref": "#/components/schemas/Entity"}},
    "EntityView": {
        "type": "object",
        "properties": {"id": _URI, "type": _TYPE, "scope": _TYPE},
        "additionalProperties": True,
        "description": "An entity in the form asked for, with the members picked.",
    },
    "EntityViews": {"type": "array", "items": {"$ref": "#/components/schemas/EntityView"}},
    "Query": {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"const": "Query"},
            "entities": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["type"],
                    "properties": {
                        "type": {"type": "string"},
                        "id": _TYPE,
                        "idPattern": {"type": "string"},
                    },
                },
            },
            **{key: {"type": "string"} for key in ("q", "scopeQ", "csf", "lang", "join")},
            **dict.fromkeys(
                (
                    *("attrs", "pick", "omit", "datasetId", "containedBy"),
                    *("expandValues", "jsonKeys"),
                ),
                _TYPE,
            ),
            "joinLevel": {"type": "integer", "minimum": 1},
            **{key: {"type": "object"} for key in ("geoQ", "ordering")},
            **{key: {"type": "boolean"} for key in ("splitEntities", "entityMap")},
            "entityMapLifetime": {"type": "string"},
        },
        "additionalProperties": False,
    },
    "EntityTemporal": {
        "type": "object",
        "required": ["id", "type"],
        "properties": {"id": _URI, "type": _TYPE},
        "additionalProperties": True,
        "description": "Attributes are instances, normalized or concise, or lists of instances.",
    },
    "HistoryView": {
        "type": "object",
        "properties": {"id": _URI, "type": _TYPE},
        "additionalProperties": True,
        "description": "The history of an entity in the form asked for.",
    },
    "HistoryViews": {"type": "array", "items": {"$ref": "#/components/schemas/HistoryView"}},
    "TemporalQuery": {
        "type": "object",
        "required": ["type", "temporalQ"],
        "properties": {
            "type": {"const": "Query"},
            "entities": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "q": {"type": "string"},
            "temporalQ": {
                "type": "object",
                "required": ["timerel", "timeAt"],
                "properties": {
                    "timerel": {"enum": ["before", "after", "between"]},
                    "timeAt": {"type": "string"},
                    "endTimeAt": {"type": "string"},
                    "timeproperty": {"type": "string"},
                    "lastN": {"type": "integer", "minimum": 1},
                },
            },
            "aggrParams": {"type": "object"},
        },
        "additionalProperties": True,
        "description": "A Query (§5.2.23) with a time range, and what it may have beside that.",
    },
    "Discovered": {
        "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]
    },
    "IdList": {"type": "array", "items": _URI},
    "UpdateResult": {
        "type": "object",
        "properties": {
            "updated": {"type": "array", "items": {"type": "string"}},
            "notUpdated": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["updated", "notUpdated"],
    },
    "BatchOperationResult": {
        "type": "object",
        "properties": {
            "success": {"type": "array", "items": {"type": "string"}},
            "errors": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["success", "errors"],
    },
    "Subscription": {
        "type": "object",
        "required": ["type", "notification"],
        "properties": {
            "id": _URI,
            "type": {"const": "Subscription"},
            "entities": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "watchedAttributes": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            "notification": {
                "type": "object",
                "required": ["endpoint"],
                "properties": {
                    "endpoint": {
                        "type": "object",
                        "required": ["uri"],
                        "properties": {"uri": {"type": "string"}},
                    }
                },
            },
        },
        "additionalProperties": True,
    },
    "SubscriptionExplanation": {
        "type": "object",
        "required": ["subscriptionId", "change", "notified", "reason", "conditions"],
        "properties": {
            "subscriptionId": _URI,
            "change": {"type": ["object", "null"]},
            "notified": {"type": ["boolean", "null"]},
            "reason": {"type": "object"},
            "conditions": {"type": "array", "items": {"type": "object"}},
        },
    },
    "SubscriptionFragment": {"type": "object", "additionalProperties": True, "minProperties": 1},
    "SubscriptionList": {"type": "array", "items": {"$ref": "#/components/schemas/Subscription"}},
    "Registration": {
        "type": "object",
        "required": ["type", "information", "endpoint"],
        "properties": {
            "id": _URI,
            "type": {"const": "ContextSourceRegistration"},
            "information": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "endpoint": {"type": "string"},
            "mode": {"enum": ["inclusive", "exclusive", "redirect", "auxiliary"]},
        },
        "additionalProperties": True,
    },
    "RegistrationFragment": {"type": "object", "additionalProperties": True, "minProperties": 1},
    "RegistrationList": {"type": "array", "items": {"$ref": "#/components/schemas/Registration"}},
    "Transaction": {
        "type": "object",
        "required": ["operations"],
        "additionalProperties": False,
        "properties": {
            "operations": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["op"],
                    "properties": {
                        "op": {
                            "enum": [
                                "create", "append", "merge", "replace", "delete", "check", "add",
                            ]
                        },
                        "id": _URI,
                        "entity": {"$ref": "#/components/schemas/Entity"},
                        "attrs": {"$ref": "#/components/schemas/EntityFragment"},
                        "attribute": {"type": "string"},
                        "value": {"type": "number"},
                        "min": {"type": "number"},
                        "max": {"type": "number"},
                        "q": {"type": "string"},
                        "noOverwrite": {"type": "boolean"},
                        "ifMatch": {"type": "string"},
                        "ifNoneMatch": {"const": "*"},
                    },
                },
            }
        },
    },
    "TransactionResult": {
        "type": "object",
        "required": ["results"],
        "properties": {
            "results": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "op": {"type": "string"},
                        "id": {"type": "string"},
                        "version": {"type": "integer"},
                    },
                },
            }
        },
    },
    "Explanation": {
        "type": "object",
        "required": ["conditions", "page", "plan"],
        "properties": {
            "conditions": {"type": "array", "items": {"type": "object"}},
            "page": {"type": "object"},
            "plan": {"type": ["object", "null"]},
            "withheld": {"type": "string"},
        },
    },
    "TermExplanation": {
        "type": "object",
        "required": ["term", "iri", "shownAs", "how", "text", "source"],
        "properties": {
            "term": {"type": "string"},
            "iri": {"type": "string"},
            "shownAs": {"type": "string"},
            "how": {"enum": ["core", "defined", "prefix", "absolute", "default"]},
            "text": {"type": "string"},
            "source": {"type": ["object", "null"]},
            "similar": {"type": "array", "items": {"type": "string"}},
        },
    },
    "Ticket": {
        "type": "object",
        "required": ["ticket", "seconds"],
        "properties": {"ticket": {"type": "string"}, "seconds": {"type": "integer"}},
    },
    **PEOPLE,
    "TypeRules": {
        "type": "object",
        "properties": {
            "appendOnly": {"type": "boolean"},
            "writer": {"type": "array", "items": {"type": "string"}},
            "balanced": {
                "type": "object",
                "required": ["attribute"],
                "properties": {"attribute": {"type": "string"}, "by": {"type": "string"}},
            },
            "bounded": {"type": "array", "items": {"type": "object"}},
            "unlisted": {"type": "boolean"},
        },
    },
    "ContextDocument": {
        "type": "object",
        "additionalProperties": True,
        "description": "With details: URL, localId, kind, createdAt, expiresAt, lastUsage, …",
        "properties": {
            "@context": {
                "anyOf": [
                    {"type": "string", "format": "uri"},
                    {"type": "object"},
                    {"type": "array", "items": {}},
                ]
            }
        },
    },
    "ContextList": {
        "type": "array",
        "items": {
            "anyOf": [
                _URI,
                {
                    "type": "object",
                    "required": ["URL", "localId", "kind", "createdAt"],
                    "properties": {
                        "URL": _URI,
                        "localId": _URI,
                        "kind": {"enum": ["Cached", "Hosted", "ImplicitlyCreated"]},
                        "createdAt": {"type": "string"},
                        "expiresAt": {"type": "string"},
                        "lastUsage": {"type": "string"},
                        "numberOfHits": {"type": "integer"},
                        "extraInfo": {"type": "object"},
                    },
                },
            ]
        },
    },
    "ContextSourceIdentity": {
        "type": "object",
        "required": ["id", "type", "contextSourceAlias", "contextSourceUptime",
                     "contextSourceTimeAt"],
        "properties": {
            "id": _URI,
            "type": {"const": "ContextSourceIdentity"},
            "contextSourceAlias": {"type": "string"},
            "contextSourceUptime": {"type": "string"},
            "contextSourceTimeAt": {"type": "string"},
        },
    },
    "TypeRulesList": {"type": "array", "items": {"$ref": "#/components/schemas/TypeRules"}},
    "OneSubscription": {
        "type": "object",
        "required": ["subscriptionId"],
        "properties": {"subscriptionId": _URI},
    },
    "OperatorForm": {
        "type": "object",
        "required": ["subscriptionId"],
        "properties": {
            "subscriptionId": _URI,
            "seq": {"type": "string"},
            "tenant": {"type": "string"},
            "lang": {"type": "string"},
            "token": {"type": "string"},
        },
    },
    "SignInForm": {
        "type": "object",
        "required": ["name", "password", "token"],
        "properties": {name: {"type": "string"} for name in ("name", "password", "token", "lang")},
    },
    "TokenForm": {
        "type": "object",
        "required": ["token"],
        "properties": {"token": {"type": "string"}, "lang": {"type": "string"}},
    },
    "Replayed": {"type": "object", "properties": {"replayed": {"type": "integer"}}},
    "Discarded": {"type": "object", "properties": {"discarded": {"type": "integer"}}},
    "DeadLetter": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "subscriptionId": _URI,
            "notificationId": _URI,
            "entityId": _URI,
            "change": {"enum": ["create", "update", "delete"]},
            "queuedAt": {"type": "string", "format": "date-time"},
            "diedAt": {"type": "string", "format": "date-time"},
            "attempts": {"type": "integer"},
            "reason": {"type": "string"},
            "notification": {"type": ["object", "null"]},
            "hint": {"type": "string"},
        },
    },
    "DeadLetterList": {"type": "array", "items": {"$ref": "#/components/schemas/DeadLetter"}},
    "Books": {"type": "object"},
    "Status": {"type": "object", "properties": {"status": {"type": "string"}}},
    "ProblemDetails": {
        "type": "object",
        "required": ["type", "title", "status", "detail", "place", "remedy"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "place": {"type": "string"},
            "remedy": {"type": "string"},
        },
    },
}  # fmt: skip
