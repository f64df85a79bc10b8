"""The operations on subscriptions to entities."""

from __future__ import annotations

from broker.api import explain_subscription, params
from broker.api.registration_routes import SYS_ATTRS
from broker.api.subscriptions import TO_ENTITIES
from broker.api.table import Body, Param, Route

_BASE = "/ngsi-ld/v1/subscriptions"
_ONE = f"{_BASE}/{{subscriptionId}}"
_STATION = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"
_NONE: dict[int, tuple[str, str | None]] = {204: ("Done.", None)}
_EXAMPLE = {
    "type": "Subscription",
    "entities": [{"type": "RiverLevelStation"}],
    "watchedAttributes": ["waterLevel"],
    "q": "waterLevel>=3.4",
    "notification": {"endpoint": {"uri": "http://localhost:9999/notify"}},
}

SUBSCRIPTIONS = [
    Route(
        "POST", _BASE, TO_ENTITIES.create, "create_subscription",
        "Create a subscription",
        "Notified are changes from now on, in order, until the receiver has them or a try too "
        "many failed; then they are dead letters.",
        body=Body("Subscription", _EXAMPLE),
        answers={201: ("Created; Location has its path.", None)}, errors=(409, 504),
        tag="Subscriptions",
    ),
    Route(
        "GET", _BASE, TO_ENTITIES.query, "query_subscriptions",
        "List subscriptions", "In order of creation.",
        query=(params.LIMIT, params.OFFSET, params.COUNT, SYS_ATTRS),
        answers={200: ("A page of subscriptions.", "SubscriptionList")}, errors=(404, 504),
        tag="Subscriptions",
    ),
    Route(
        "GET", _ONE, TO_ENTITIES.retrieve,
        "retrieve_subscription",
        "Retrieve a subscription", query=(SYS_ATTRS,),
        answers={200: ("The subscription.", "Subscription")}, errors=(404, 504),
        tag="Subscriptions",
    ),
    Route(
        "PATCH", _ONE, TO_ENTITIES.update,
        "update_subscription",
        "Change members of a subscription",
        "Each member given replaces the one there; null removes it. Pausing (isActive false) "
        "cancels what waits.",
        body=Body("SubscriptionFragment", {"isActive": False}), answers=_NONE,
        errors=(404, 504), tag="Subscriptions",
    ),
    Route(
        "DELETE", _ONE, TO_ENTITIES.delete,
        "delete_subscription",
        "Delete a subscription", "What waits for it is cancelled.", answers=_NONE,
        errors=(404, 504), tag="Subscriptions",
    ),
    Route(
        "GET", "/ngsi-ld/ex/v1/subscriptions/{subscriptionId}/explain",
        explain_subscription.explain,
        "explain_subscription", "Explain why a subscription was told of something, or not",
        "Every condition in order, held or not, in words (Accept-Language: ja or en), and what "
        "became of the notification.",
        query=(
            Param("entity", "The newest change of this entity.", example=_STATION),
            Param("seq", "This change of the feed.", {"type": "integer", "minimum": 1}),
            Param("lang", "`ja` or `en`; else as Accept-Language says.", {"enum": ["ja", "en"]}),
        ),
        answers={200: ("The conditions.", "SubscriptionExplanation")}, errors=(404, 504),
        tag="Subscriptions",
    ),
]  # fmt: skip
