"""Every operation the broker has, in one list."""

from __future__ import annotations

from broker.api import (
    attributes,
    batch,
    counts,
    disclosed,
    discovery,
    docs,
    entities,
    explain,
    health,
    keys,
    params,
    purge,
    queries,
    rules,
    sessions,
    sockets,
    stream,
    tickets,
    transactions,
)
from broker.api.context_routes import CONTEXTS
from broker.api.delivery_routes import DELIVERIES
from broker.api.registration_routes import REGISTRATIONS
from broker.api.registration_subscription_routes import REGISTRATION_SUBSCRIPTIONS
from broker.api.subscription_routes import SUBSCRIPTIONS
from broker.api.table import Body, Param, Route, Table
from broker.api.temporal_routes import TEMPORAL

V1 = "/ngsi-ld/v1"
EX = "/ngsi-ld/ex/v1"

_STATION = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"
_LEVEL = {
    "type": "Property",
    "value": 3.42,
    "unitCode": "MTR",
    "observedAt": "2020-07-03T19:10:00Z",
}
_ENTITY = {
    "id": _STATION,
    "type": "RiverLevelStation",
    "name": "人吉",
    "waterLevel": _LEVEL,
    "location": {"type": "Point", "coordinates": [130.757, 32.213]},
}
_NOTED = [
    {
        "holder": "urn:ngsi-ld:Holder:5f1c",
        "user": "4711",
        "action": "decrypt",
        "target": "urn:ngsi-ld:FacilityBooking:432032:5f1c",
        "attributes": ["pin"],
        "reason": "asked at the counter",
    }
]
_SIMPLE = {"id": _STATION, "type": "RiverLevelStation", "waterLevel": 3.42}
_QUERY = {
    "type": "Query",
    "entities": [{"type": "RiverLevelStation"}],
    "q": "waterLevel>=3.4",
    "pick": ["id", "waterLevel"],
}

_SELECTION = (
    params.TYPE, params.ID, params.ID_PATTERN, params.ATTRS, params.Q, params.GEOREL,
    params.GEOMETRY, params.COORDINATES, params.GEOPROPERTY, params.SCOPE_Q, params.CSF,
    params.EXPAND_VALUES, params.JSON_KEYS,
)  # fmt: skip
_MAPS = (params.ENTITY_MAP, params.ENTITY_MAP_LIFETIME)
_FORM = (params.FORMAT, params.OPTIONS, params.GEOMETRY_PROPERTY, params.LOCAL)
_SHOWN = (
    *_FORM, params.PICKED, params.OMITTED, params.SHOWN_LANG, params.DATASETS, params.JOIN,
    params.JOIN_LEVEL, params.CONTAINED_BY,
)  # fmt: skip
_NONE: dict[int, tuple[str, str | None]] = {204: ("Done.", None)}
_SOME: dict[int, tuple[str, str | None]] = {
    204: ("All done.", None),
    207: ("Some done; the rest is listed with reasons.", "UpdateResult"),
}
_BATCH: dict[int, tuple[str, str | None]] = {
    204: ("All done.", None),
    207: ("Each element's success or error.", "BatchOperationResult"),
}
_NO_OVERWRITE = Param(
    "options",
    "`noOverwrite`: leave attributes alone that exist.",
    {"type": "string", "enum": ["noOverwrite"]},
)
_SIMPLIFIED = Param(
    "format",
    "The body is simplified.",
    {"type": "string", "enum": ["simplified", "keyValues"]},
)
_SIMPLIFIED_OPTION = Param("options", "As `format`.", _SIMPLIFIED.schema)

_OLDER = ("The same, changed for the older version of NGSI-LD that Prefer names.", None)

_ENTITIES = [
    Route(
        "GET", f"{V1}/entities", queries.query, "query_entities", "Query entities",
        "At least one of type, attrs, q, georel or local=true is needed. Pages are ordered by id, "
        "unless orderBy says otherwise.",
        query=(
            *_SELECTION, params.LIMIT, params.OFFSET, params.PAGE_AFTER, params.COUNT, *_SHOWN,
            params.ORDER_BY, params.COLLATION, params.ORDER_FROM, params.ORDER_GEOMETRY,
            params.SPLIT_ENTITIES, *_MAPS,
        ),
        answers={200: ("A page of entities.", "EntityViews"), 203: _OLDER}, geojson=True,
    ),
    Route(
        "POST", f"{V1}/entities", entities.create, "create_entity", "Create an entity",
        body=Body("Entity", _ENTITY), query=(params.LOCAL,),
        answers={201: ("Created; Location has its path.", None)}, errors=(409, 504),
    ),
    Route(
        "DELETE", f"{V1}/entities", purge.purge_entities, "purge_entities", "Purge entities",
        "Deletes all entities selected, or attributes of them. At least one of type, attrs, q, "
        "georel or local=true is needed.",
        query=(*_SELECTION, params.DROP, params.KEEP, params.LOCAL),
        answers={**_NONE, 207: ("Some could not be purged.", "BatchOperationResult")},
        errors=(404,),
    ),
    Route(
        "GET", f"{V1}/entities/{{id}}", entities.retrieve, "retrieve_entity", "Retrieve an entity",
        query=(params.TYPE, params.ATTRS, *_SHOWN, *_MAPS),
        answers={
            200: ("The entity.", "EntityView"),
            203: _OLDER,
            304: ("As in If-None-Match.", None),
        },
        errors=(404,), geojson=True,
    ),
    Route(
        "PUT", f"{V1}/entities/{{id}}", entities.replace_entity, "replace_entity",
        "Replace an entity", body=Body("Entity", _ENTITY), query=(params.TYPE, params.LOCAL),
        answers=_NONE, errors=(404, 409, 412, 504), if_match=True,
    ),
    Route(
        "PATCH", f"{V1}/entities/{{id}}", entities.merge_entity, "merge_entity",
        "Merge a fragment into an entity",
        "Merge patch (RFC 7396) with NGSI-LD Null (`urn:ngsi-ld:null`) to delete.",
        body=Body("EntityFragment", {"waterLevel": _LEVEL}),
        query=(
            params.TYPE, _SIMPLIFIED, _SIMPLIFIED_OPTION, params.OBSERVED_AT, params.LANG,
            params.LOCAL,
        ),
        answers=_NONE, errors=(404, 409, 412, 504), if_match=True,
    ),
    Route(
        "DELETE", f"{V1}/entities/{{id}}", entities.delete, "delete_entity", "Delete an entity",
        query=(params.TYPE, params.LOCAL), answers=_NONE, errors=(404, 409, 412), if_match=True,
    ),
]  # fmt: skip

_ATTRIBUTES = [
    Route(
        "POST", f"{V1}/entities/{{id}}/attrs", attributes.append_attributes, "append_attributes",
        "Append attributes", body=Body("EntityFragment", {"waterLevel": _LEVEL}),
        query=(params.TYPE, _NO_OVERWRITE, params.LOCAL), answers=_SOME,
        errors=(404, 409, 412, 504), if_match=True, tag="Attributes",
    ),
    Route(
        "PATCH", f"{V1}/entities/{{id}}/attrs", attributes.update, "update_attributes",
        "Update attributes", body=Body("EntityFragment", {"waterLevel": _LEVEL}),
        query=(params.TYPE, params.LOCAL), answers=_SOME, errors=(404, 409, 412, 504),
        if_match=True, tag="Attributes",
    ),
    Route(
        "PATCH", f"{V1}/entities/{{id}}/attrs/{{attrId}}", attributes.partial,
        "partial_attribute_update", "Change members of one attribute",
        body=Body("AttributeFragment", {"value": 3.5}), query=(params.TYPE, params.LOCAL),
        answers=_NONE, errors=(404, 409, 412, 504), if_match=True, tag="Attributes",
    ),
    Route(
        "PUT", f"{V1}/entities/{{id}}/attrs/{{attrId}}", attributes.replace, "replace_attribute",
        "Replace one attribute", body=Body("AttributeFragment", _LEVEL),
        query=(params.TYPE, params.LOCAL), answers=_NONE, errors=(404, 409, 412, 504),
        if_match=True, tag="Attributes",
    ),
    Route(
        "DELETE", f"{V1}/entities/{{id}}/attrs/{{attrId}}", attributes.delete, "delete_attribute",
        "Delete one attribute", query=(
            params.TYPE, params.DATASET_ID, params.DELETE_ALL, params.LOCAL,
        ),
        answers=_NONE, errors=(404, 409, 412), if_match=True, tag="Attributes",
    ),
]  # fmt: skip

_BATCHES = [
    Route(
        "POST", f"{V1}/entityOperations/create", batch.create, "batch_create",
        "Create many entities", body=Body("EntityList", [_ENTITY]), query=(params.LOCAL,),
        answers={201: ("The ids created.", "IdList"), 207: _BATCH[207]}, errors=(504,),
        tag="Batch",
    ),
    Route(
        "POST", f"{V1}/entityOperations/upsert", batch.upsert, "batch_upsert",
        "Create or replace many entities", body=Body("EntityList", [_ENTITY]),
        query=(
            Param(
                "options", "`replace` (default) or `update` entities that exist.",
                {"type": "string", "enum": ["replace", "update"]},
            ),
            params.LOCAL,
        ),
        answers={201: ("The ids created.", "IdList"), **_BATCH}, errors=(504,), tag="Batch",
    ),
    Route(
        "POST", f"{V1}/entityOperations/update", batch.update, "batch_update",
        "Append or replace attributes of many entities", body=Body("EntityList", [_ENTITY]),
        query=(_NO_OVERWRITE, params.LOCAL), answers=_BATCH, errors=(404, 504), tag="Batch",
    ),
    Route(
        "POST", f"{V1}/entityOperations/merge", batch.merge, "batch_merge",
        "Merge fragments into many entities", body=Body("EntityList", [_ENTITY]),
        query=(params.LOCAL,), answers=_BATCH, errors=(404, 504), tag="Batch",
    ),
    Route(
        "POST", f"{V1}/entityOperations/query", queries.query_by_post, "query_by_post",
        "Query entities by a body", body=Body("Query", _QUERY),
        query=(params.LIMIT, params.OFFSET, params.PAGE_AFTER, params.COUNT, *_FORM),
        answers={200: ("A page of entities.", "EntityViews"), 203: _OLDER}, errors=(504,),
        geojson=True, tag="Entities",
    ),
    Route(
        "POST", f"{V1}/entityOperations/delete", batch.delete, "batch_delete",
        "Delete many entities", body=Body("IdList", [_STATION]), query=(params.LOCAL,),
        answers=_BATCH, errors=(404,), tag="Batch",
    ),
]  # fmt: skip

_FOUND = (params.DETAILS, params.COUNT, params.LOCAL)
_DISCOVERY = [
    Route(
        "GET", f"{V1}/types", discovery.list_types, "list_types", "List entity types",
        query=_FOUND, answers={200: ("The names, or what is known of each.", "Discovered")},
        errors=(404, 504), tag="Discovery",
    ),
    Route(
        "GET", f"{V1}/types/{{type}}", discovery.retrieve_type, "retrieve_type",
        "Say what is known of a type", query=(params.LOCAL,),
        answers={200: ("Its entities counted, and their attributes.", "Discovered")},
        errors=(404, 504), tag="Discovery",
    ),
    Route(
        "GET", f"{V1}/attributes", discovery.list_attributes, "list_attributes",
        "List attributes", query=_FOUND,
        answers={200: ("The names, or what is known of each.", "Discovered")},
        errors=(404, 504), tag="Discovery",
    ),
    Route(
        "GET", f"{V1}/attributes/{{attrId}}", discovery.retrieve_attribute, "retrieve_attribute",
        "Say what is known of an attribute", query=(params.LOCAL,),
        answers={200: ("Its instances counted, their kinds and types.", "Discovered")},
        errors=(404, 504), tag="Discovery",
    ),
]  # fmt: skip

_EXTENSIONS = [
    Route(
        "POST", f"{EX}/transactions", transactions.run, "run_transaction",
        "Run operations, all or nothing",
        "create, append, merge, replace, delete, check (a precondition without a write) and add "
        "(a number ± n within min and max, applied in the store). Preconditions: ifMatch, "
        "ifNoneMatch. At most 500 operations and 8 MiB. Repeat with the same Idempotency-Key, "
        "within seven days, to get the same answer again.",
        body=Body(
            "Transaction",
            {"operations": [{"op": "add", "id": "urn:ngsi-ld:Event:1", "attribute": "seats",
                             "value": -1, "min": 0}]},
        ),
        answers={200: ("Each operation's version.", "TransactionResult")},
        errors=(404, 409, 412, 422, 504), idempotent_key=True, tag="Extensions",
    ),
    Route(
        "GET", f"{EX}/stream", stream.stream, "stream", "Follow changes (Server-Sent Events)",
        "Events `open`, `enter`, `update`, `leave`, `delete`, `reset`, `synced`, `end`; each "
        "event's id is the change's sequence number, to come back with as Last-Event-ID.",
        query=(
            *_SELECTION, params.PICKED, params.OMITTED, params.DATASETS,
            params.SHOWN_LANG, params.WATCHED, params.SNAPSHOT, params.FORMAT, params.OPTIONS,
            Param("tenant", "The tenant, where no header can be set."),
            Param("context", "URL of the @context, where no Link header can be set."),
            Param("lastEventId", "Resume after this event, where no header can be set."),
            params.TICKET,
        ),
        answers={200: ("The stream.", None)}, errors=(404, 429, 503, 504), tag="Extensions",
        tenant_parameter=True,
    ),
    Route(
        "GET", f"{EX}/ws", sockets.plain, "websocket", "Follow changes (WebSocket)",
        'Several named streams on one connection: send `{"op": "subscribe", "stream": NAME, …}` '
        'with the parameters of a stream, get `{"stream": NAME, "event": …, "data": …}`.',
        query=(
            Param("tenant", "The tenant, where no header can be set."),
            Param("context", "URL of the @context of all streams that name none."),
            params.TICKET,
        ),
        answers={101: ("WebSocket.", None)}, errors=(404, 426, 429, 503, 504), tag="Extensions",
        tenant_parameter=True,
    ),
    Route(
        "GET", f"{EX}/explain/query", explain.query, "explain_query", "Explain a query",
        "Takes what `GET /entities` takes. Says what each condition was read as, which index was "
        "used and why, and how many documents were looked at.",
        query=_ENTITIES[0].query,
        answers={200: ("The explanation.", "Explanation")}, errors=(404, 504), tag="Extensions",
    ),
    Route(
        "GET", f"{EX}/explain/term", explain.term, "explain_term", "Explain a name",
        "The IRI of a type's or attribute's name, and the context, entry and line it comes from.",
        query=(
            Param("term", "The name.", {"type": "string", "minLength": 1}, "waterLevel"),
            Param("context", "URL of the @context, instead of a Link header."),
        ),
        answers={200: ("The explanation.", "TermExplanation")}, errors=(504,), tag="Extensions",
    ),
    Route(
        "POST", f"{EX}/tickets", tickets.issue, "issue_ticket", "Take a ticket for a stream",
        "For pages, whose EventSource and WebSocket send no headers: the stream opened with "
        "`ticket=…` is the caller's. It opens one stream, within 60 s.",
        answers={201: ("The ticket.", "Ticket")}, errors=(404,), tag="Extensions",
    ),
    Route(
        "POST", f"{EX}/sessions", sessions.sign_in, "sign_in", "Sign in",
        "Gives a person's session for name and password; its token is sent as "
        "`Authorization: Bearer …`. After some failures a name has to wait, longer each time.",
        body=Body("Credentials", {"name": "hanako", "password": "…"}),
        answers={201: ("The session.", "Session")}, errors=(401, 422, 429), tag="Extensions",
    ),
    Route(
        "GET", f"{EX}/sessions/current", sessions.current, "current_session", "Who is signed in",
        "The account and roles of the session whose token the request shows.",
        answers={200: ("The account.", "CurrentSession")}, errors=(401, 422), tag="Extensions",
    ),
    Route(
        "DELETE", f"{EX}/sessions/current", sessions.sign_out, "sign_out", "Sign out",
        "Ends the session whose token the request shows.", answers=_NONE, errors=(401, 422),
        tag="Extensions",
    ),
    Route(
        "GET", f"{EX}/disclosures", disclosed.disclosures, "disclosures", "Whom data were shown to",
        "Of the person who is signed in: who was shown which of their data, when, for which "
        "purpose, and what permitted it. The 200 newest entries of the disclosure log. A program "
        "of the town that names a `holder` is told what it noted of them itself.",
        query=(params.HOLDER,),
        answers={200: ("The entries, newest first.", "Disclosures")}, errors=(401, 422),
        tag="Extensions",
    ),
    Route(
        "POST", f"{EX}/disclosures", disclosed.note, "note_disclosures",
        "Note what is shown of persons",
        "For programs of the town that are about to show somebody what the broker does not have: "
        "data of the vault (`decrypt`), a file (`export`). It is in the persons' logs, on the "
        "disk, when this answers.",
        body=Body("NotedDisclosures", _NOTED), answers=_NONE, errors=(401, 403),
        tag="Extensions",
    ),
    Route(
        "GET", f"{EX}/counts", counts.offered, "list_counts", "List what people are counted by",
        "What policies of the kind aggregateOnly offer the caller; public ones need no key.",
        answers={200: ("What is counted.", "CountsList")}, errors=(401, 422), tag="Extensions",
    ),
    Route(
        "GET", f"{EX}/counts/{{policyId}}", counts.release, "retrieve_counts",
        "Retrieve how many people there were",
        "Of a day in Japan that is over for an hour: different people who agreed to be counted, by "
        "an attribute and by steps of time. `people` is null where fewer than minimumGroupSize "
        "would be told of, be it by what is left of a total. A table is made when it is first "
        "asked for, and stays the same.",
        query=(
            Param("day", "The day.", {"type": "string", "format": "date"}, "2026-11-26"),
        ),
        answers={200: ("The table.", "Counts")}, errors=(401, 404, 409, 422), tag="Extensions",
    ),
    Route(
        "GET", f"{EX}/keys", keys.listed, "list_keys", "List keys",
        "With the caller's rate and quota, and what each key has asked today.",
        answers={200: ("The keys.", "Keys")}, errors=(401, 422), tag="Extensions",
    ),
    Route(
        "POST", f"{EX}/keys", keys.make, "make_key", "Make a key",
        "For developers who are signed in. The key is shown this once.",
        answers={201: ("The key.", "MadeKey")}, errors=(401, 403, 409, 422), tag="Extensions",
    ),
    Route(
        "POST", f"{EX}/keys/{{keyId}}/rotate", keys.rotate, "rotate_key", "Exchange a key",
        "Makes another; the one named goes on for an hour.",
        answers={201: ("The new key.", "MadeKey")}, errors=(401, 403, 404, 409, 422),
        tag="Extensions",
    ),
    Route(
        "DELETE", f"{EX}/keys/{{keyId}}", keys.revoke, "revoke_key", "Revoke a key",
        answers=_NONE, errors=(401, 403, 404, 422), tag="Extensions",
    ),
    Route(
        "GET", f"{EX}/typeRules", rules.list_rules, "list_type_rules", "List rules by type",
        answers={200: ("All rules.", "TypeRulesList")}, errors=(404,), tag="Extensions",
    ),
    Route(
        "PUT", f"{EX}/typeRules/{{type}}", rules.put_rules, "put_type_rules",
        "Set the rules of a type",
        "appendOnly, writer, balanced (sums to zero in each write), bounded (a number's range), "
        "unlisted (in no list of types; queried all the same).",
        body=Body("TypeRules", {"bounded": [{"attribute": "seats", "min": 0}]}), answers=_NONE,
        errors=(504,), tag="Extensions",
    ),
    Route(
        "DELETE", f"{EX}/typeRules/{{type}}", rules.delete_rules, "delete_type_rules",
        "Remove the rules of a type", answers=_NONE, errors=(404,), tag="Extensions",
    ),
]  # fmt: skip

_OPERATOR = [
    Route("GET", "/health", health.health, "health", "The process answers",
          answers={200: ("It does.", "Status")}, tag="Operator"),
    Route("GET", "/ready", health.ready, "ready", "The store answers",
          answers={200: ("It does.", "Status")}, tag="Operator"),
    Route("GET", "/metrics", health.metrics, "metrics", "Figures for Prometheus",
          answers={200: ("Text format 0.0.4.", None)}, tag="Operator"),
    Route("GET", "/openapi.json", docs.openapi, "openapi", "This API as OpenAPI 3.1",
          answers={200: ("The document.", None)}, tag="Operator"),
    Route("GET", "/docs", docs.page, "docs", "This API as a page",
          answers={200: ("HTML.", None)}, tag="Operator"),
]  # fmt: skip

TABLE = Table(
    [
        *_ENTITIES, *_ATTRIBUTES, *_BATCHES, *_DISCOVERY, *TEMPORAL, *SUBSCRIPTIONS, *CONTEXTS,
        *REGISTRATIONS, *REGISTRATION_SUBSCRIPTIONS, *_EXTENSIONS, *DELIVERIES, *_OPERATOR,
    ]
)  # fmt: skip
