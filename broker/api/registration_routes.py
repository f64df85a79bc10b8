"""The operations on context source registrations."""

from __future__ import annotations

from broker.api import params, registrations
from broker.api.table import Body, Param, Route

_BASE = "/ngsi-ld/v1/csourceRegistrations"
_EXAMPLE = {
    "type": "ContextSourceRegistration",
    "information": [{"entities": [{"type": "RiverLevelStation"}], "propertyNames": ["waterLevel"]}],
    "endpoint": "http://localhost:9999",
}
SYS_ATTRS = Param("options", "`sysAttrs`: with createdAt and modifiedAt.", example="sysAttrs")
_TIMES = (
    Param("timerel", "`before`, `after` or `between`: sources that have the past, and those only."),
    Param("timeAt", "The time, or the first of two.", example="2020-07-04T06:00:00Z"),
    Param("endTimeAt", "The second time of `between`."),
    Param("timeproperty", "`observedAt` (default), `createdAt`, `modifiedAt` or `deletedAt`."),
)
_CSF = Param("csf", "Condition on members of the registration (§4.9).", example='mode=="exclusive"')

REGISTRATIONS = [
    Route(
        "POST", _BASE, registrations.create, "create_registration", "Register a context source",
        "Nothing is asked of the source yet. What an exclusive or redirect registration says "
        "may not be said by another exclusive one, nor be here already.",
        body=Body("Registration", _EXAMPLE),
        answers={201: ("Registered; Location has its path.", None)}, errors=(409, 504),
        tag="Registry",
    ),
    Route(
        "GET", _BASE, registrations.query, "query_registrations", "Discover context sources",
        "Registrations of sources that may have the entities and attributes asked for, the oldest "
        "first. At least one of type, attrs, q, georel, pick or id is needed.",
        query=(
            params.TYPE, params.ID, params.ID_PATTERN, params.ATTRS, params.PICKED, params.OMITTED,
            params.Q, params.GEOREL, params.GEOMETRY, params.COORDINATES, params.GEOPROPERTY,
            params.GEOMETRY_PROPERTY, *_TIMES, _CSF, params.SCOPE_Q, params.SHOWN_LANG,
            params.EXPAND_VALUES, params.JSON_KEYS, params.LIMIT, params.OFFSET, params.COUNT,
            SYS_ATTRS,
        ),
        answers={200: ("A page of registrations.", "RegistrationList")}, errors=(404, 504),
        tag="Registry",
    ),
    Route(
        "GET", f"{_BASE}/{{registrationId}}", registrations.retrieve, "retrieve_registration",
        "Retrieve a registration", query=(SYS_ATTRS,),
        answers={200: ("The registration.", "Registration")}, errors=(404, 504), tag="Registry",
    ),
    Route(
        "PATCH", f"{_BASE}/{{registrationId}}", registrations.update, "update_registration",
        "Change members of a registration",
        "Each member given replaces the one there; null removes it.",
        body=Body("RegistrationFragment", {"expiresAt": "2035-01-01T00:00:00Z"}),
        answers={204: ("Done.", None)}, errors=(404, 409, 504), tag="Registry",
    ),
    Route(
        "DELETE", f"{_BASE}/{{registrationId}}", registrations.delete, "delete_registration",
        "Delete a registration", answers={204: ("Done.", None)}, errors=(404, 504),
        tag="Registry",
    ),
]  # fmt: skip
