"""The operations on deliveries: dead letters, books, and the operator's page."""

from __future__ import annotations

from broker.api import books, dead_letters, operator, operator_entry, params
from broker.api.table import Body, Param, Route

_EX = "/ngsi-ld/ex/v1"
_LETTERS = f"{_EX}/dead-letters"
_NAMED = Param("subscriptionId", "Only of this subscription.", {"type": "string", "format": "uri"})
_NONE: dict[int, tuple[str, str | None]] = {204: ("Done.", None)}
_ONE = {"subscriptionId": "urn:ngsi-ld:Subscription:river"}
_LANG = Param("lang", "`ja` or `en`; else as Accept-Language says.", {"enum": ["ja", "en"]})
_FORM = Body(
    "OperatorForm", {"subscriptionId": _ONE["subscriptionId"], "token": "…"},
    types=("application/x-www-form-urlencoded",),
)  # fmt: skip

DELIVERIES = [
    Route(
        "GET", _LETTERS, dead_letters.query, "query_dead_letters", "List dead letters",
        "Notifications that could not be delivered, the newest death first, with the reason.",
        query=(_NAMED, params.LIMIT, params.OFFSET, params.COUNT),
        answers={200: ("A page of dead letters.", "DeadLetterList")}, tag="Deliveries",
    ),
    Route(
        "GET", f"{_LETTERS}/{{letter}}", dead_letters.retrieve, "retrieve_dead_letter",
        "Retrieve a dead letter", "With the notification as it would be sent now.",
        answers={200: ("The letter.", "DeadLetter")}, tag="Deliveries",
    ),
    Route(
        "POST", f"{_LETTERS}/{{letter}}/replay", dead_letters.replay, "replay_dead_letter",
        "Replay a dead letter", "It waits again, at its place in the queue.", answers=_NONE,
        tag="Deliveries",
    ),
    Route(
        "DELETE", f"{_LETTERS}/{{letter}}", dead_letters.discard, "discard_dead_letter",
        "Discard a dead letter", "It stays counted as dead.", answers=_NONE, tag="Deliveries",
    ),
    Route(
        "POST", f"{_LETTERS}/replay", dead_letters.replay_all, "replay_dead_letters",
        "Replay all dead letters of a subscription", body=Body("OneSubscription", _ONE),
        answers={200: ("How many.", "Replayed")}, errors=(504,), tag="Deliveries",
    ),
    Route(
        "POST", f"{_LETTERS}/discard", dead_letters.discard_all, "discard_dead_letters",
        "Discard all dead letters of a subscription", body=Body("OneSubscription", _ONE),
        answers={200: ("How many.", "Discarded")}, errors=(504,), tag="Deliveries",
    ),
    Route(
        "GET", f"{_EX}/books", books.books, "books", "Every notification accounted for",
        "queued = delivered + dead + expired + cancelled + withheld + superseded + waiting, for "
        "the whole store and for each subscription of the tenant. Superseded are periods "
        "(timeInterval) that were not sent before a newer one was due.",
        query=(_NAMED, params.LIMIT, params.OFFSET, params.COUNT),
        answers={200: ("The books.", "Books")}, tag="Deliveries",
    ),
    Route(
        "GET", "/operator", operator.page, "operator", "How deliveries are, as a page",
        query=(
            _LANG, Param("tenant", "The tenant."), Param("page", "Which page, from 1."),
            Param("done", "What was just done."),
        ),
        answers={200: ("HTML.", None)}, errors=(401, 403, 404), tag="Operator",
        tenant_parameter=True, page=True,
    ),
    Route(
        "POST", "/operator/replay", operator.replay, "operator_replay",
        "Replay dead letters by a button of the page", body=_FORM,
        answers={303: ("Back to the page.", None)}, errors=(403, 404), tag="Operator", page=True,
    ),
    Route(
        "POST", "/operator/discard", operator.discard, "operator_discard",
        "Discard dead letters by a button of the page", body=_FORM,
        answers={303: ("Back to the page.", None)}, errors=(403, 404), tag="Operator", page=True,
    ),
    Route(
        "POST", "/operator/sign-in", operator_entry.sign_in, "operator_sign_in",
        "Sign in by a form of the page",
        "Keeps the session in a cookie: HttpOnly, SameSite=Strict.",
        query=(_LANG,),
        body=Body(
            "SignInForm", {"name": "administrator", "password": "…", "token": "…"},
            types=("application/x-www-form-urlencoded",),
        ),
        answers={303: ("To the page.", None)}, errors=(401, 403, 422, 429), tag="Operator",
        page=True,
    ),
    Route(
        "POST", "/operator/sign-out", operator_entry.sign_out, "operator_sign_out",
        "Sign out by a form of the page",
        body=Body(
            "TokenForm", {"token": "…"}, types=("application/x-www-form-urlencoded",),
        ),
        answers={303: ("To the page.", None)}, errors=(403, 422), tag="Operator", page=True,
    ),
]  # fmt: skip
