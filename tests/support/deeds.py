"""Something to do on every route that asks the guard, of one entity or of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from broker.guard import Action
from tests.support.asgi import ABSENT
from tests.support.leave import HEIGHT, entity

V1: Final = "/ngsi-ld/v1"
EX: Final = "/ngsi-ld/ex/v1"
ENTITIES: Final = f"{V1}/entities"
HISTORY: Final = f"{V1}/temporal/entities"
SUBSCRIPTIONS: Final = f"{V1}/subscriptions"
SOURCES: Final = f"{V1}/csourceRegistrations"
LISTENERS: Final = f"{V1}/csourceSubscriptions"
LETTERS: Final = f"{EX}/dead-letters"
BATCH: Final = f"{V1}/entityOperations"
UPSERTS: Final = (f"{BATCH}/upsert", f"{BATCH}/upsert?options=update")
NOBODYS: Final = "urn:ngsi-ld:Subscription:nobodys"
READ, CREATE, UPDATE, DELETE = Action.READ, Action.CREATE, Action.UPDATE, Action.DELETE
SUBSCRIBE, ADMINISTER = Action.SUBSCRIBE, Action.ADMINISTER


@dataclass(frozen=True)
class Deed:
    """A request, the route it is to, and what the guard is asked for before it is done."""

    route: str
    actions: tuple[Action, ...]
    method: str
    path: str
    body: Any = ABSENT


def on(kind: str, number: int | str) -> Iterator[Deed]:
    """Yield what can be done with one entity of a kind."""
    one = entity(kind, number)
    name, told = one["id"], {HEIGHT: 2}
    fragment = {**one, **told}
    path, past = f"{ENTITIES}/{name}", f"{HISTORY}/{name}"
    moment = {HEIGHT: {"value": 5, "observedAt": "2020-07-03T00:00:00Z"}}
    yield Deed("retrieve_entity", (READ,), "GET", path)
    yield Deed("replace_entity", (UPDATE,), "PUT", path, fragment)
    yield Deed("merge_entity", (UPDATE,), "PATCH", path, told)
    yield Deed("delete_entity", (DELETE,), "DELETE", path)
    yield Deed("append_attributes", (UPDATE,), "POST", f"{path}/attrs", told)
    yield Deed("update_attributes", (UPDATE,), "PATCH", f"{path}/attrs", told)
    yield Deed(
        "partial_attribute_update", (UPDATE,), "PATCH", f"{path}/attrs/{HEIGHT}", {"value": 2}
    )
    yield Deed("replace_attribute", (UPDATE,), "PUT", f"{path}/attrs/{HEIGHT}", {"value": 2})
    yield Deed("delete_attribute", (UPDATE,), "DELETE", f"{path}/attrs/{HEIGHT}")
    yield Deed("batch_update", (UPDATE,), "POST", f"{BATCH}/update", [fragment])
    yield Deed("batch_merge", (UPDATE,), "POST", f"{BATCH}/merge", [fragment])
    yield Deed("batch_delete", (DELETE,), "POST", f"{BATCH}/delete", [name])
    yield Deed("retrieve_history", (READ,), "GET", past)
    yield Deed("delete_history", (DELETE,), "DELETE", past)
    yield Deed("append_history", (UPDATE,), "POST", f"{past}/attrs", moment)
    yield Deed("delete_attribute_history", (UPDATE,), "DELETE", f"{past}/attrs/{HEIGHT}")
    instance = f"{past}/attrs/{HEIGHT}/urn:x:none"
    yield Deed("modify_instance", (UPDATE,), "PATCH", instance, {"value": 5})
    yield Deed("delete_instance", (UPDATE,), "DELETE", instance)
    for action, operation in (
        (READ, {"op": "check", "id": name, "q": f"{HEIGHT}>0"}),
        (UPDATE, {"op": "merge", "id": name, "attrs": told}),
        (DELETE, {"op": "delete", "id": name}),
    ):
        yield Deed(
            "run_transaction", (action,), "POST", f"{EX}/transactions", {"operations": [operation]}
        )


def making(kind: str, number: int | str) -> Iterator[Deed]:
    """Yield what makes an entity of a kind, where there is none of this number."""
    one = entity(kind, number, **{HEIGHT: 2})
    yield Deed("create_entity", (CREATE,), "POST", ENTITIES, one)
    yield Deed("batch_create", (CREATE,), "POST", f"{BATCH}/create", [one])
    for path in UPSERTS:
        yield Deed("batch_upsert", (CREATE, UPDATE), "POST", path, [one])
    yield upsert_history(CREATE, kind, number)
    body = {"operations": [{"op": "create", "entity": one}]}
    yield Deed("run_transaction", (CREATE,), "POST", f"{EX}/transactions", body)


def changing(kind: str, number: int | str) -> Iterator[Deed]:
    """Yield what would make an entity of a kind, and changes one that the caller sees."""
    one = entity(kind, number, **{HEIGHT: 2})
    for path in UPSERTS:
        yield Deed("batch_upsert", (UPDATE, CREATE), "POST", path, [one])
    yield upsert_history(UPDATE, kind, number)


def upsert_history(action: Action, kind: str, number: int | str) -> Deed:
    """Return what begins a history where the caller sees none, and else adds to it."""
    moment = {HEIGHT: {"value": 5, "observedAt": "2020-07-03T00:00:00Z"}}
    return Deed("upsert_history", (action,), "POST", HISTORY, entity(kind, number, **moment))


def beside(own: str, kind: str) -> Iterator[Deed]:
    """Yield what is done to all of a kind that is not there, and to things that are no entities.

    `own` is a subscription of the caller.
    """
    asked = {"type": "Query", "entities": [{"type": kind}]}
    span = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}
    query = f"type={kind}"
    yield Deed("query_entities", (READ,), "GET", f"{ENTITIES}?{query}")
    yield Deed("query_by_post", (READ,), "POST", f"{BATCH}/query", asked)
    yield Deed("purge_entities", (DELETE, READ), "DELETE", f"{ENTITIES}?{query}")
    yield Deed("purge_entities", (UPDATE, READ), "DELETE", f"{ENTITIES}?{query}&drop={HEIGHT}")
    yield Deed("list_types", (READ,), "GET", f"{V1}/types")
    yield Deed("retrieve_type", (READ,), "GET", f"{V1}/types/{kind}")
    yield Deed("list_attributes", (READ,), "GET", f"{V1}/attributes")
    yield Deed("retrieve_attribute", (READ,), "GET", f"{V1}/attributes/none")
    since = "timerel=after&timeAt=2020-01-01T00:00:00Z"
    yield Deed("query_history", (READ,), "GET", f"{HISTORY}?{query}&{since}")
    path = f"{V1}/temporal/entityOperations/query"
    yield Deed("query_history_by_post", (READ,), "POST", path, {**asked, "temporalQ": span})
    yield Deed("issue_ticket", (READ,), "POST", f"{EX}/tickets")
    yield Deed("stream", (READ,), "GET", f"{EX}/stream?{query}")
    yield Deed("explain_query", (READ,), "GET", f"{EX}/explain/query?{query}")
    yield from _contexts()
    yield from _subscriptions(own, kind)
    yield from _sources(kind)
    yield from _administration(own, kind)


def _contexts() -> Iterator[Deed]:
    path = f"{V1}/jsonldContexts"
    body = {"@context": {"a": "https://example.org/a"}}
    yield Deed("add_context", (CREATE,), "POST", path, body)
    yield Deed("list_contexts", (READ,), "GET", path)
    yield Deed("serve_context", (READ,), "GET", f"{path}/none")
    yield Deed("delete_context", (ADMINISTER,), "DELETE", f"{path}/none")


def _subscriptions(own: str, kind: str) -> Iterator[Deed]:
    change = {"isActive": False}
    for what, path, members in (
        ("subscription", SUBSCRIPTIONS, {}),
        ("registration_subscription", LISTENERS, {"entities": [{"type": kind}]}),
    ):
        body = subscription(NOBODYS, **{"entities": [{"type": kind}], **members})
        one = f"{path}/{NOBODYS}"
        yield Deed(f"create_{what}", (SUBSCRIBE,), "POST", path, body)
        yield Deed(f"query_{what}s", (SUBSCRIBE,), "GET", path)
        yield Deed(f"retrieve_{what}", (SUBSCRIBE,), "GET", one)
        yield Deed(f"update_{what}", (SUBSCRIBE,), "PATCH", one, change)
        yield Deed(f"delete_{what}", (SUBSCRIBE,), "DELETE", one)
    path = f"{EX}/subscriptions/{own}/explain?entity=urn:ngsi-ld:{kind}:none"
    yield Deed("explain_subscription", (SUBSCRIBE, READ), "GET", path)
    named = {"subscriptionId": NOBODYS}
    yield Deed("query_dead_letters", (SUBSCRIBE,), "GET", LETTERS)
    yield Deed("retrieve_dead_letter", (SUBSCRIBE,), "GET", f"{LETTERS}/99-1")
    yield Deed("replay_dead_letter", (SUBSCRIBE,), "POST", f"{LETTERS}/99-1/replay")
    yield Deed("discard_dead_letter", (SUBSCRIBE,), "DELETE", f"{LETTERS}/99-1")
    yield Deed("replay_dead_letters", (SUBSCRIBE,), "POST", f"{LETTERS}/replay", named)
    yield Deed("discard_dead_letters", (SUBSCRIBE,), "POST", f"{LETTERS}/discard", named)


def _sources(kind: str) -> Iterator[Deed]:
    one = f"{SOURCES}/urn:ngsi-ld:ContextSourceRegistration:none"
    yield Deed("create_registration", (ADMINISTER,), "POST", SOURCES, source(kind))
    yield Deed("query_registrations", (READ,), "GET", f"{SOURCES}?type={kind}")
    yield Deed("retrieve_registration", (READ,), "GET", one)
    yield Deed("update_registration", (ADMINISTER,), "PATCH", one, {"mode": "inclusive"})
    yield Deed("delete_registration", (ADMINISTER,), "DELETE", one)


def _administration(own: str, kind: str) -> Iterator[Deed]:
    path = f"{EX}/typeRules"
    yield Deed("list_type_rules", (ADMINISTER,), "GET", path)
    yield Deed("put_type_rules", (ADMINISTER,), "PUT", f"{path}/{kind}", {"appendOnly": True})
    yield Deed("delete_type_rules", (ADMINISTER,), "DELETE", f"{path}/{kind}")
    yield Deed("books", (ADMINISTER,), "GET", f"{EX}/books")
    path = f"{EX}/books?subscriptionId={own}"
    yield Deed("books", (ADMINISTER, SUBSCRIBE), "GET", path)
    yield Deed("operator", (ADMINISTER,), "GET", "/operator")


def subscription(name: str, **members: Any) -> dict[str, Any]:
    """Return a subscription whose receiver is not there."""
    notification = {"endpoint": {"uri": "http://localhost:9/"}}
    return {"id": name, "type": "Subscription", "notification": notification, **members}


def source(kind: str, **members: Any) -> dict[str, Any]:
    """Return a registration of entities of a kind."""
    return {
        "type": "ContextSourceRegistration",
        "endpoint": "http://localhost:9",
        "information": [{"entities": [{"type": kind}]}],
        **members,
    }
