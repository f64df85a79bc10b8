"""The operations on subscriptions to registrations."""

from __future__ import annotations

from broker.api import params
from broker.api.registration_routes import SYS_ATTRS
from broker.api.subscriptions import TO_REGISTRATIONS as TO
from broker.api.table import Body, Route

_ONE = f"{TO.path}/{{subscriptionId}}"
_EXAMPLE = {
    "type": "Subscription",
    "entities": [{"type": "RiverLevelStation"}],
    "notification": {"endpoint": {"uri": "http://localhost:9999/notify"}},
}

REGISTRATION_SUBSCRIPTIONS = [
    Route(
        "POST", TO.path, TO.create, "create_registration_subscription",
        "Subscribe to registrations",
        "Told are all that match now (newlyMatching), and each that comes, changes (updated) or no "
        "longer matches (noLongerMatching); or at intervals all that match.",
        body=Body("Subscription", _EXAMPLE),
        answers={201: ("Created; Location has its path.", None)}, errors=(409, 504),
        tag="Registry",
    ),
    Route(
        "GET", TO.path, TO.query, "query_registration_subscriptions",
        "List subscriptions to registrations", "In order of creation.",
        query=(params.LIMIT, params.OFFSET, params.COUNT, SYS_ATTRS),
        answers={200: ("A page of subscriptions.", "SubscriptionList")}, errors=(404, 504),
        tag="Registry",
    ),
    Route(
        "GET", _ONE, TO.retrieve, "retrieve_registration_subscription",
        "Retrieve a subscription to registrations", query=(SYS_ATTRS,),
        answers={200: ("The subscription.", "Subscription")}, errors=(404, 504), tag="Registry",
    ),
    Route(
        "PATCH", _ONE, TO.update, "update_registration_subscription",
        "Change members of a subscription to registrations",
        "As for other subscriptions. Then all registrations that match are told of.",
        body=Body("SubscriptionFragment", {"isActive": False}),
        answers={204: ("Done.", None)}, errors=(404, 504), tag="Registry",
    ),
    Route(
        "DELETE", _ONE, TO.delete, "delete_registration_subscription",
        "Delete a subscription to registrations", "What waits for it is cancelled.",
        answers={204: ("Done.", None)}, errors=(404, 504), tag="Registry",
    ),
]  # fmt: skip
