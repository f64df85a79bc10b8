"""Subscriptions and registrations that name hidden things."""

from __future__ import annotations

from typing import Any

from tests.broker.tripwire.hidden import (
    BY_ID,
    CONDITIONS,
    COUNT,
    IDS,
    NEAR,
    PLACE,
    SECRET,
    V1,
    Probe,
    get,
)
from tests.broker.tripwire.writes import FRAGMENTS, creations, everywhere
from tests.support.tripwire import MARKED_TYPE

SUBSCRIPTIONS = f"{V1}/subscriptions"


def subscription(number: int = 1, **members: Any) -> dict[str, Any]:
    """Return a subscription, to all gauges unless told otherwise."""
    return {
        "id": f"urn:ngsi-ld:Subscription:{number}",
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "http://localhost:9/"}},
        **members,
    }


def subscribing() -> list[Probe]:
    """Subscribe in every way that names hidden things, let things happen, and look."""
    sent = [
        subscription(1),
        subscription(2, q=f"{SECRET}"),
        subscription(3, q=f"{COUNT}>5", throttling=60),
        subscription(4, watchedAttributes=[SECRET], notificationTrigger=["entityUpdated"]),
        subscription(5, entities=[{"type": MARKED_TYPE}, {"type": "*", "id": BY_ID["id"]}]),
        subscription(6, geoQ={**NEAR, "geoproperty": PLACE}),
        subscription(1),
    ]
    each = [f"{SUBSCRIPTIONS}/urn:ngsi-ld:Subscription:{number}" for number in range(1, 7)]
    return [
        *(Probe("POST", SUBSCRIPTIONS, one) for one in sent),
        *everywhere("PATCH", "/attrs", *FRAGMENTS),
        *(Probe("GET", one, echoes=True) for one in each),
        Probe("GET", f"{SUBSCRIPTIONS}?count=true&options=sysAttrs&limit=2", echoes=True),
        *(Probe("PATCH", one, {"q": f"{SECRET}|level>0"}) for one in each),
        *creations(),
        Probe("GET", SUBSCRIPTIONS, echoes=True),
        *(Probe("DELETE", one) for one in (*each, each[0])),
    ]


REGISTRATIONS = f"{V1}/csourceRegistrations"
REGISTERED = f"{REGISTRATIONS}/urn:ngsi-ld:ContextSourceRegistration:1"


def registering() -> list[Probe]:
    """Register sources of what is hidden, in each mode, and ask for sources of it."""
    infos = [{"type": "Gauge", "id": one} for one in IDS] + [{"type": MARKED_TYPE}]
    return [
        *(
            Probe(
                "POST",
                REGISTRATIONS,
                {
                    "type": "ContextSourceRegistration",
                    "mode": mode,
                    "endpoint": "http://localhost:9",
                    "information": [{"entities": [info], "propertyNames": [SECRET, COUNT]}],
                },
            )
            for mode in ("exclusive", "redirect", "inclusive")
            for info in infos
        ),
        *(get(REGISTRATIONS, type="Gauge", q=q, count="true") for q in CONDITIONS),
        get(REGISTRATIONS, type=MARKED_TYPE, csf=f"{SECRET}"),
        Probe("GET", REGISTERED),
        Probe("PATCH", REGISTERED, {"mode": "redirect"}),
        Probe("DELETE", REGISTERED),
    ]


SOURCE_SUBSCRIPTIONS = f"{V1}/csourceSubscriptions"


def listening() -> list[Probe]:
    """Subscribe to registrations in every way that names hidden things, and look."""
    sent = [
        subscription(1),
        subscription(2, entities=[{"type": MARKED_TYPE}, {"type": "*", "id": BY_ID["id"]}]),
        subscription(3, watchedAttributes=[SECRET], csf=f"{SECRET}"),
        subscription(4, geoQ={**NEAR, "geoproperty": PLACE}),
        subscription(1),
    ]
    each = [f"{SOURCE_SUBSCRIPTIONS}/urn:ngsi-ld:Subscription:{number}" for number in range(1, 5)]
    return [
        *(Probe("POST", SOURCE_SUBSCRIPTIONS, one) for one in sent),
        *(Probe("GET", one, echoes=True) for one in each),
        Probe("GET", f"{SOURCE_SUBSCRIPTIONS}?count=true&options=sysAttrs", echoes=True),
        *(Probe("PATCH", one, {"entities": [{"type": MARKED_TYPE}]}) for one in each),
        *registering(),
        *creations(),
        Probe("GET", SOURCE_SUBSCRIPTIONS, echoes=True),
        *(Probe("DELETE", one) for one in (*each, each[0])),
    ]
