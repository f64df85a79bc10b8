"""What the guard of a town lets whom do, over HTTP in this process."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from broker.guard import Action
from broker.store.memory import MemoryStore
from consent.guard import PolicyGuard
from consent.identity.model import Client as Known
from consent.identity.model import Own
from consent.policies.load import default_policies, rules
from consent.policies.personal import ALWAYS
from consent.policies.rule import Rule
from consent.town import expand
from tests.support.asgi import Answer, Client, Ticking, running
from tests.support.policies import Known as Clients

ENTITIES = "/ngsi-ld/v1/entities"
STATION = "urn:ngsi-ld:RiverLevelStation:1"
LEVEL = "https://uri.etsi.org/ngsi-ld/default-context/level"
NAME = "https://uri.etsi.org/ngsi-ld/default-context/name"
GAUGE = "https://uri.etsi.org/ngsi-ld/default-context/Gauge"
NOTE = "https://uri.etsi.org/ngsi-ld/default-context/Note"
WRITES = frozenset((Action.READ, Action.CREATE, Action.UPDATE, Action.DELETE))

RULES = [
    Rule("open", types=frozenset({GAUGE}), attributes=frozenset({LEVEL})),
    Rule("staff", actions=WRITES, assignees=frozenset({"role:staff"})),
    Rule("study", types=frozenset({GAUGE}), purposes=frozenset({"urn:p:study"})),
    Rule(
        "names",
        actions=frozenset((Action.UPDATE,)),
        attributes=frozenset({NAME}),
        assignees=frozenset({"client:namer"}),
    ),
    Rule("read names", assignees=frozenset({"client:namer"})),
    Rule("admin", actions=frozenset(Action), assignees=frozenset({"role:administrator"})),
    Rule("notes", actions=WRITES, types=frozenset({NOTE}), assignees=frozenset({"client:noter"})),
]


class Town:
    """A broker with a guard, and callers with keys."""

    def __init__(self, client: Client, clients: Clients) -> None:
        self.client = client
        self.clients = clients

    async def ask(
        self, method: str, path: str, key: str = "", body: Any = None, **headers: str
    ) -> Answer:
        """Send a request with a key."""
        sent = {"authorization": f"Bearer {key}"} if key else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return await self.client.request(method, path, sent)
        return await self.client.request(method, path, sent, json=body)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    """Give a town with one gauge, level and name."""
    clients = Clients(
        Known("office", frozenset({"staff:river"})),
        Known("namer", frozenset({"app"})),
        Known("noter", frozenset({"app"})),
        Known("admin", frozenset({"administrator"})),
        Known("stranger", frozenset({"developer"})),
        Known("study", frozenset({"developer"}), frozenset({"urn:p:study"})),
        Known("abroad", frozenset({"staff"}), tenants=frozenset({"drill"})),
        Known("device", own=(Own("urn:x:1", frozenset({LEVEL})),)),
        Known("box", own=(Own("urn:x:1"),)),
    )
    guard = PolicyGuard(clients, RULES, Ticking())
    async with running(MemoryStore(clock=Ticking()), guard=guard) as client:
        made = Town(client, clients)
        body = {"id": "urn:x:1", "type": "Gauge", "level": 1, "name": "Kuma"}
        assert (await made.ask("POST", ENTITIES, "office", body)).status == 201
        yield made


async def test_caller_without_key_reads_what_is_open_and_no_more(town: Town):
    answer = await town.ask("GET", f"{ENTITIES}/urn:x:1?options=keyValues")
    assert answer.json() == {"id": "urn:x:1", "type": "Gauge", "level": 1}


async def test_caller_without_key_follows_what_is_open_and_subscribes_to_nothing(town: Town):
    path = "/ngsi-ld/v1/subscriptions"
    endpoint = {
        "uri": "http://[2001:4860:4860::8888]/",
        "receiverInfo": [{"key": "Authorization", "value": "sesame"}],
    }
    body = {
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": endpoint},
    }
    assert (await town.ask("POST", path, "", body)).status == 401
    assert (await town.ask("POST", path, "stranger", body)).status == 201
    assert (await town.ask("GET", path)).status == 401
    assert (await town.ask("GET", path, "study")).json() == []
    own = (await town.ask("GET", path, "stranger")).json()
    assert own[0]["notification"]["endpoint"] == endpoint
    async with town.client.stream("/ngsi-ld/ex/v1/stream?type=Gauge") as stream:
        assert (await stream.event()).name == "open"


SUBSCRIPTIONS = "/ngsi-ld/v1/subscriptions"
SUBSCRIPTION = {
    "type": "Subscription",
    "entities": [{"type": "Gauge"}],
    "notification": {"endpoint": {"uri": "http://[2001:4860:4860::8888]/"}},
}


async def test_administrator_pauses_the_subscriptions_of_others_and_turns_none_to_another_receiver(
    town: Town,
):
    made = await town.ask("POST", SUBSCRIPTIONS, "study", SUBSCRIPTION)
    path = made.header("location") or ""
    for wider in (
        {"notification": {"endpoint": {"uri": "http://[2001:4860:4860::8844]/"}}},
        {"entities": [{"type": "Secret"}]},
        {"q": "level==1", "isActive": False},
    ):
        answer = await town.ask("PATCH", path, "admin", wider)
        assert (answer.status, answer.problem["place"][:6]) == (403, "body:/")
    assert (await town.ask("PATCH", path, "admin", {"isActive": False})).status == 204
    assert (await town.ask("PATCH", path, "study", {"q": "level==1"})).status == 204
    assert (await town.ask("DELETE", path, "admin")).status == 204


async def test_who_only_follows_makes_no_tenant(town: Town):
    contexts = {"@context": {"depth": "urn:x:depth"}}
    for path, key, body in (
        (SUBSCRIPTIONS, "stranger", SUBSCRIPTION),
        ("/ngsi-ld/v1/jsonldContexts", "noter", contexts),
    ):
        assert (await town.ask("POST", path, key, body, ngsild_tenant="new")).status == 404
        assert (await town.ask("GET", f"{ENTITIES}?type=Gauge", ngsild_tenant="new")).status == 404
    made = await town.ask("POST", SUBSCRIPTIONS, "admin", SUBSCRIPTION, ngsild_tenant="new")
    assert made.status == 201


async def test_who_shows_no_key_leaves_no_context_behind(town: Town):
    asked = {"type": "Query", "entities": [{"type": "Gauge"}], "@context": {"a": "urn:x:a"}}
    subscription = {**SUBSCRIPTION, "@context": {"a": "urn:x:a"}}
    linked = {"content_type": "application/ld+json"}
    query = "/ngsi-ld/v1/entityOperations/query"
    assert (await town.ask("POST", query, body=asked, **linked)).status == 200
    assert (await town.ask("POST", SUBSCRIPTIONS, body=subscription, **linked)).status == 401
    kept = "/ngsi-ld/v1/jsonldContexts?kind=ImplicitlyCreated"
    assert (await town.ask("GET", kept)).json() == []
    await town.ask("POST", query, "study", asked, **linked)
    assert len((await town.ask("GET", kept)).json()) == 1


async def test_of_checks_without_a_key_nothing_is_remembered(town: Town):
    path = "/ngsi-ld/ex/v1/transactions"
    for condition in ("level==1", "level>0"):
        check = {"operations": [{"op": "check", "id": "urn:x:1", "q": condition}]}
        assert (await town.ask("POST", path, body=check, idempotency_key="k")).status == 200


async def test_hidden_attribute_is_no_condition_and_no_order(town: Town):
    assert (await town.ask("GET", f'{ENTITIES}?type=Gauge&q=name=="Kuma"')).json() == []
    assert len((await town.ask("GET", f"{ENTITIES}?type=Gauge&q=level==1")).json()) == 1


async def test_caller_without_key_who_writes_is_asked_for_one(town: Town):
    answer = await town.ask("POST", ENTITIES, body={"id": "urn:x:2", "type": "Gauge"})
    assert (answer.status, answer.header("www-authenticate")) == (401, "Bearer")
    assert answer.problem["place"] == "header:Authorization"


@pytest.mark.parametrize("shown", ["Bearer nobody", "Basic b2ZmaWNlOg==", "Bearer"])
async def test_key_that_opens_nothing_is_said_so_and_not_taken_for_none(town: Town, shown: str):
    answer = await town.ask("GET", f"{ENTITIES}/urn:x:1", authorization=shown)
    assert (answer.status, answer.problem["place"]) == (401, "header:Authorization")


async def test_role_in_a_section_has_what_the_role_has(town: Town):
    answer = await town.ask("GET", f"{ENTITIES}/urn:x:1?options=keyValues", "office")
    assert answer.json()["name"] == "Kuma"


async def test_known_caller_without_permission_is_refused(town: Town):
    answer = await town.ask("DELETE", f"{ENTITIES}/urn:x:1", "stranger")
    assert (answer.status, answer.problem["place"]) == (403, "caller")


async def test_caller_who_may_write_one_attribute_writes_no_other(town: Town):
    path = f"{ENTITIES}/urn:x:1/attrs"
    assert (await town.ask("PATCH", path, "namer", {"name": "Kawa"})).status == 204
    assert (await town.ask("PATCH", path, "namer", {"level": 2})).status == 403
    assert (await town.ask("PATCH", path, "namer", {"name": "K", "level": 2})).status == 403
    whole = await town.ask("PATCH", f"{ENTITIES}/urn:x:1", "namer", {"scope": "/a"})
    assert whole.status == 403


async def test_purpose_opens_what_is_for_it_to_clients_that_were_given_it(town: Town):
    path = f"{ENTITIES}/urn:x:1?options=keyValues"
    named = await town.ask("GET", path, "study", machi_purpose="urn:p:study")
    assert named.json()["name"] == "Kuma"
    assert (await town.ask("GET", path, "study")).json()["name"] == "Kuma"
    assert "name" not in (await town.ask("GET", path, "stranger")).json()
    assert (await town.ask("GET", path, "stranger", machi_purpose="urn:p:study")).status == 403


async def test_purpose_named_without_a_key_opens_nothing(town: Town):
    answer = await town.ask("GET", f"{ENTITIES}/urn:x:1", machi_purpose="urn:p:study")
    assert answer.status == 401


async def test_client_of_one_tenant_reaches_no_other(town: Town):
    body = {"id": "urn:x:9", "type": "Gauge"}
    assert (await town.ask("POST", ENTITIES, "abroad", body)).status == 403
    there = await town.ask("POST", ENTITIES, "abroad", body, ngsild_tenant="drill")
    assert there.status == 201


async def test_device_writes_its_own_attribute_of_its_own_entity_alone(town: Town):
    own = f"{ENTITIES}/urn:x:1/attrs"
    await town.ask("POST", ENTITIES, "office", {"id": "urn:x:2", "type": "Gauge", "level": 1})
    assert (await town.ask("PATCH", own, "device", {"level": 5})).status == 204
    assert (await town.ask("PATCH", own, "device", {"name": "mine"})).status == 403
    other = await town.ask("PATCH", f"{ENTITIES}/urn:x:2/attrs", "device", {"level": 5})
    assert other.status == 403
    assert (await town.ask("DELETE", f"{ENTITIES}/urn:x:1", "device")).status == 403


async def test_who_may_write_one_type_passes_nothing_for_another(town: Town):
    both = {"id": "urn:x:2", "type": ["Note", "Gauge"], "level": 9}
    assert (await town.ask("POST", ENTITIES, "noter", both)).status == 403
    note = {"id": "urn:x:2", "type": "Note", "level": 9}
    assert (await town.ask("POST", ENTITIES, "noter", note)).status == 201
    for method, path in (("PATCH", ""), ("PUT", ""), ("POST", "/attrs")):
        body = both if method == "PUT" else {"type": ["Note", "Gauge"]}
        answer = await town.ask(method, f"{ENTITIES}/urn:x:2{path}", "noter", body)
        assert (answer.status, answer.problem["place"]) == (403, "caller")
    assert (await town.ask("GET", f"{ENTITIES}/urn:x:2")).status == 404
    assert (await town.ask("PATCH", f"{ENTITIES}/urn:x:2", "noter", {"level": 8})).status == 204
    assert (await town.ask("PUT", f"{ENTITIES}/urn:x:2", "office", both)).status == 204


@pytest.mark.parametrize(
    ("named", "key", "status"),
    [("Gauge", "noter", 403), ("gauge", "noter", 403), ("Note", "noter", 201),
     ("Other", "noter", 201), ("Gauge", "office", 201)],
)  # fmt: skip
async def test_id_that_names_a_type_is_taken_by_who_may_write_that_type(
    town: Town, named: str, key: str, status: int
):
    entity = {"id": f"urn:ngsi-ld:{named}:{key}", "type": "Note", "level": 9}
    answer = await town.ask("POST", ENTITIES, key, entity)
    assert answer.status == status
    if status == 403:
        answer = await town.ask("POST", "/ngsi-ld/v1/entityOperations/upsert", key, [entity])
        assert answer.json()["errors"][0]["error"]["status"] == 403
        assert (await town.ask("GET", f"{ENTITIES}/{entity['id']}", "admin")).status == 404


async def test_device_that_owns_an_entity_whole_makes_it_nothing_else(town: Town):
    path = f"{ENTITIES}/urn:x:1"
    answer = await town.ask("PATCH", path, "box", {"type": ["Gauge", "Note"], "level": 5})
    assert (answer.status, answer.problem["place"]) == (403, "caller")
    assert (await town.ask("PATCH", path, "box", {"name": "mine", "level": 5})).status == 204


async def test_client_that_loses_a_role_loses_what_came_with_it_at_once(town: Town):
    path = f"{ENTITIES}/urn:x:1?options=keyValues"
    assert "name" in (await town.ask("GET", path, "office")).json()
    town.clients.put(Known("office"))
    assert "name" not in (await town.ask("GET", path, "office")).json()


async def test_client_over_its_rate_is_told_when_to_ask_again(town: Town):
    town.clients.put(Known("hasty", frozenset({"staff"}), rate=0.01))
    answers = [await town.ask("GET", f"{ENTITIES}/urn:x:1", "hasty") for _ in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert 0 < int(answers[-1].header("retry-after") or 0) <= 100
    assert "0.01 requests a second" in answers[-1].problem["detail"]


async def test_rule_begins_and_ends_while_the_broker_runs():
    clock = Ticking("2026-04-01T00:00:00+00:00")
    since, until = "2026-04-01T01:00:00.000000Z", "2026-04-01T02:00:00.000000Z"
    everything = Rule("open", actions=frozenset(Action) - {Action.READ})
    guard = PolicyGuard(Clients(), [everything, Rule("hour", since=since, until=until)], clock)
    async with running(MemoryStore(clock=Ticking()), guard=guard) as client:
        await client.post(ENTITIES, {"id": "urn:x:1", "type": "Gauge"})
        seen = []
        for _ in range(3):
            seen.append((await client.get(f"{ENTITIES}/urn:x:1")).status)
            clock.advance(hours=1)
        assert seen == [401, 200, 401]


def test_policies_that_come_along_can_be_read_and_give_the_public_no_way_to_write():
    found = rules(default_policies(), expand())
    for rule in found:
        if rule.permits and rule.assignees is None:
            assert rule.actions <= {Action.READ, Action.SUBSCRIBE}
            assert rule.types


def test_key_of_the_demo_is_kept_from_everything_about_persons():
    found = rules(default_policies(), expand())
    about = {iri for rule in found if rule.kind == "consentBound" for iri in rule.types or ()}
    kept = [
        rule for rule in found if rule.assignees == frozenset({"client:demo"}) and not rule.permits
    ]
    for action in WRITES:
        types = {iri for rule in kept if action in rule.actions for iri in rule.types or ()}
        assert types >= about | ALWAYS


def test_key_of_the_demo_writes_nothing_that_is_published_and_no_door_or_slot():
    """A price of a room, a shop's wallet, a campaign's points: whoever has the README's key."""
    found = rules(default_policies(), expand())
    told = {iri for rule in found if rule.kind == "publicOpen" for iri in rule.types or ()}
    told |= {expand()(name) for name in ("SmartLock", "SlotClaim")}
    kept = [
        rule for rule in found if rule.assignees == frozenset({"client:demo"}) and not rule.permits
    ]
    for action in WRITES - {Action.READ}:
        assert {iri for rule in kept if action in rule.actions for iri in rule.types or ()} >= told


def test_book_of_a_folder_is_what_the_town_guard_asks(tmp_path: Path):
    from consent.town import town_access

    guard = town_access(tmp_path / "data").guard
    assert guard.identify({}).client == ""


async def test_what_was_rendered_for_one_reader_is_not_shown_to_another_who_sees_less(town: Town):
    path = f"{ENTITIES}/urn:x:1?options=keyValues"
    for _ in range(2):
        assert "name" in (await town.ask("GET", path, "office")).json()
        assert "name" not in (await town.ask("GET", path)).json()
        listed = (await town.ask("GET", f"{ENTITIES}?type=Gauge", "office")).json()
        assert "name" in listed[0]
        assert "name" not in (await town.ask("GET", f"{ENTITIES}?type=Gauge")).json()[0]


async def test_role_taken_away_ends_the_use_of_what_was_rendered(town: Town):
    path = f"{ENTITIES}/urn:x:1"
    assert "name" in (await town.ask("GET", path, "office")).json()
    town.clients.put(Known("office"))
    assert "name" not in (await town.ask("GET", path, "office")).json()


async def test_query_that_is_open_whole_still_hides_what_it_links(town: Town):
    await town.ask("POST", ENTITIES, "office", {"id": "urn:x:2", "type": "Secret", "level": 7})
    linking = {"id": "urn:x:3", "type": "Gauge", "level": {"type": "Property", "value": 1}}
    await town.ask("POST", ENTITIES, "office", linking)
    answer = await town.ask("GET", f"{ENTITIES}?type=Gauge,Secret")
    ids = [one["id"] for one in answer.json()]
    assert ids == ["urn:x:1", "urn:x:3"]
