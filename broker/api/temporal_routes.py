"""The operations on history."""

from __future__ import annotations

from broker.api import params, temporal
from broker.api.table import Body, Param, Route

_BASE = "/ngsi-ld/v1/temporal/entities"
_ENTITY = f"{_BASE}/{{entityId}}"
_ATTRIBUTE = f"{_ENTITY}/attrs/{{attrId}}"
_LEVELS = [
    {"type": "Property", "value": 3.42, "observedAt": "2020-07-03T19:10:00Z", "unitCode": "MTR"},
    {"type": "Property", "value": 3.61, "observedAt": "2020-07-03T19:20:00Z", "unitCode": "MTR"},
]
_EXAMPLE = {
    "id": "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi",
    "type": "RiverLevelStation",
    "waterLevel": _LEVELS,
}
_QUERY = {
    "type": "Query",
    "entities": [{"type": "RiverLevelStation"}],
    "temporalQ": {"timerel": "after", "timeAt": "2020-07-03T19:00:00Z", "lastN": 10},
}
_FORMS = ["aggregatedValues", "normalized", "temporalValues"]

TIMEREL = Param(
    "timerel", "Relation to `timeAt` (§4.11): before it, from it on, or from it until `endTimeAt`.",
    {"type": "string", "enum": ["before", "after", "between"]},
)  # fmt: skip
TIME_AT = Param("timeAt", "The time, or the first of two.", example="2020-07-03T19:00:00Z")
END_TIME_AT = Param("endTimeAt", "The second time of `between`, itself no longer within.")
TIME_PROPERTY = Param(
    "timeproperty", "The time of an instance that counts; default `observedAt`.",
    {"type": "string", "enum": ["observedAt", "createdAt", "modifiedAt", "deletedAt"]},
)  # fmt: skip
LAST_N = Param(
    "lastN", "Only the newest so many instances of each attribute.",
    {"type": "integer", "minimum": 1}, 10,
)  # fmt: skip
METHODS = Param(
    "aggrMethods",
    "Comma-separated: avg, distinctCount, max, min, stddev, sum, sumsq, totalCount (§4.5.19).",
    example="min,avg,max",
)
PERIOD = Param(
    "aggrPeriodDuration", "How long each period is (ISO 8601); PT0S is the whole time range.",
    example="PT1H",
)  # fmt: skip
FORMAT = Param("format", "Representation.", {"type": "string", "enum": _FORMS})
OPTIONS = Param(
    "options", "Comma-separated: a representation as in `format`, and `sysAttrs`.",
    example="temporalValues",
)  # fmt: skip
ORDER_BY = Param(
    "orderBy",
    "History is ordered by id only (§5.7.4.4), upwards or downwards; `collation` changes nothing.",
    {"type": "string", "enum": ["id", "id;asc", "id;desc"]},
)
_MAPS = (params.ENTITY_MAP, params.ENTITY_MAP_LIFETIME)
_RANGE = (TIMEREL, TIME_AT, END_TIME_AT, TIME_PROPERTY, LAST_N)
_SHOWN = (
    METHODS, PERIOD, FORMAT, OPTIONS, params.PICKED, params.OMITTED, params.SHOWN_LANG,
    params.DATASETS, params.LOCAL,
)  # fmt: skip
_PART = ("A part: Content-Range names the time range that is in it.", None)

TEMPORAL = [
    Route(
        "GET", _BASE, temporal.query, "query_history", "Query the history of entities",
        "A time range is needed, and at least one of type, attrs, q, georel or local=true. `q`, "
        "geographical conditions and scopes are asked of the instances within the time range. "
        "Where there are more instances than fit, the answer is 206: go on after the end of the "
        "time range that Content-Range names.",
        query=(
            params.TYPE, params.ID, params.ID_PATTERN, params.ATTRS, params.Q, params.GEOREL,
            params.GEOMETRY, params.COORDINATES, params.GEOPROPERTY, params.SCOPE_Q, params.CSF,
            params.EXPAND_VALUES, params.JSON_KEYS, *_RANGE, *_SHOWN, ORDER_BY,
            params.COLLATION, params.LIMIT, params.OFFSET, params.COUNT, params.SPLIT_ENTITIES,
            *_MAPS,
        ),
        answers={200: ("A page of histories.", "HistoryViews"), 206: _PART}, errors=(404, 504),
        tag="History",
    ),
    Route(
        "POST", _BASE, temporal.upsert, "upsert_history", "Add to the history of an entity",
        "Each attribute has an instance, a list of them, or its temporalValues. An instance with "
        "the observedAt of one that is kept takes its place. The current entity stays as it is, "
        "and nobody is notified.",
        body=Body("EntityTemporal", _EXAMPLE),
        answers={201: ("Begun; Location has its path.", None), 204: ("Added.", None)},
        errors=(409, 504), tag="History",
    ),
    Route(
        "GET", _ENTITY, temporal.retrieve, "retrieve_history", "Retrieve the history of an entity",
        query=(*_RANGE, params.ATTRS, *_SHOWN, *_MAPS),
        answers={200: ("The history.", "HistoryView"), 206: _PART}, errors=(404, 504),
        tag="History",
    ),
    Route(
        "DELETE", _ENTITY, temporal.delete, "delete_history", "Delete the history of an entity",
        answers={204: ("Done.", None)}, errors=(404, 409, 504), tag="History",
    ),
    Route(
        "POST", f"{_ENTITY}/attrs", temporal.append, "append_history",
        "Add instances to a history", body=Body("EntityFragment", {"waterLevel": _LEVELS}),
        answers={204: ("Added.", None)}, errors=(404, 409, 504), tag="History",
    ),
    Route(
        "DELETE", _ATTRIBUTE, temporal.delete_attribute, "delete_attribute_history",
        "Delete an attribute from a history", query=(params.DATASET_ID, params.DELETE_ALL),
        answers={204: ("Done.", None)}, errors=(404, 409, 504), tag="History",
    ),
    Route(
        "PATCH", f"{_ATTRIBUTE}/{{instanceId}}", temporal.modify_instance, "modify_instance",
        "Replace one instance", body=Body("AttributeFragment", _LEVELS[0]),
        answers={204: ("Done.", None)}, errors=(404, 409, 504), tag="History",
    ),
    Route(
        "DELETE", f"{_ATTRIBUTE}/{{instanceId}}", temporal.delete_instance, "delete_instance",
        "Delete one instance", answers={204: ("Done.", None)}, errors=(404, 409, 504),
        tag="History",
    ),
    Route(
        "POST", "/ngsi-ld/v1/temporal/entityOperations/query", temporal.query_by_post,
        "query_history_by_post", "Query the history of entities by a body",
        body=Body("TemporalQuery", _QUERY),
        query=(
            params.LIMIT, params.OFFSET, params.COUNT, FORMAT, OPTIONS, params.LOCAL,
        ),
        answers={200: ("A page of histories.", "HistoryViews"), 206: _PART}, errors=(404, 504),
        tag="History",
    ),
]  # fmt: skip
