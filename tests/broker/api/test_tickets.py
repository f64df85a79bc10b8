"""`/ngsi-ld/ex/v1/tickets`: identity for one stream, where no header can carry it."""

from collections.abc import Mapping

import pytest

from broker.errors import Forbidden
from broker.guard import ANYONE, Action, Caller, OpenGuard
from broker.store.contract import Committed
from broker.store.memory import MemoryStore
from broker.subscriptions.live import tickets as module
from broker.subscriptions.live.tickets import Holder, Tickets
from tests.broker.api.data import ENTITIES, EX, gauge
from tests.support.asgi import Client, running

TICKETS = f"{EX}/tickets"
STREAM = f"{EX}/stream"
DRILL = {"ngsild-tenant": "drill"}


class Doorkeeper(OpenGuard):
    """Lets in who carries a token, and shows each what is theirs."""

    def identify(self, headers: Mapping[bytes, bytes], address: str = "") -> Caller:
        token = headers.get(b"authorization")
        return ANYONE if token is None else Caller(user=token.decode())

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        if caller.user is None and action is Action.READ:
            raise Forbidden("Who are you?", place="caller", remedy="Say so.")

    def deliver(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
        return committed if committed.change.entity_id.endswith(caller.user or "") else None


async def ticket(client: Client, headers: Mapping[str, str]) -> str:
    """Take a ticket."""
    answer = await client.request("POST", TICKETS, dict(headers))
    assert answer.status == 201
    assert answer.header("cache-control") == "no-store"
    told = answer.json()
    assert told["seconds"] == 60
    return str(told["ticket"])


async def test_a_stream_with_a_ticket_is_the_callers_who_took_it() -> None:
    async with running(MemoryStore(), guard=Doorkeeper()) as client:
        assert (await client.get(STREAM)).status == 403
        assert (await client.request("POST", TICKETS)).status == 403
        given = await ticket(client, {"authorization": "1"})
        async with client.stream(f"{STREAM}?ticket={given}") as stream:
            await stream.event()
            await client.post(ENTITIES, gauge(2))
            await client.post(ENTITIES, gauge(1))
            event = await stream.event()
    assert event.data["id"].endswith("1")


async def test_a_ticket_opens_one_stream(quick: Client) -> None:
    given = await ticket(quick, {})
    async with quick.stream(f"{STREAM}?ticket={given}") as stream:
        await stream.event()
        again = await quick.get(f"{STREAM}?ticket={given}")
    assert (again.status, again.problem["place"]) == (403, "query:ticket")


async def test_a_ticket_is_for_the_tenant_it_was_taken_in(quick: Client) -> None:
    await quick.post(ENTITIES, gauge(), DRILL)
    given = await ticket(quick, DRILL)
    async with quick.stream(f"{STREAM}?ticket={given}") as stream:
        await stream.event()
        await quick.post(ENTITIES, gauge(8))
        await quick.post(ENTITIES, gauge(9), DRILL)
        assert (await stream.event()).data["id"] == gauge(9)["id"]
    given = await ticket(quick, DRILL)
    assert (await quick.get(f"{STREAM}?ticket={given}&tenant=other")).status == 403


async def test_a_ticket_of_a_tenant_that_is_not_there_is_refused(quick: Client) -> None:
    answer = await quick.request("POST", TICKETS, {"ngsild-tenant": "none"})
    assert (answer.status, answer.problem["place"]) == (404, "header:NGSILD-Tenant")


def test_a_ticket_grows_old() -> None:
    now = 0.0
    tickets = Tickets(lambda: now, iter(["a", "b"]).__next__)
    caller = Caller(user="x")
    assert tickets.issue(caller, "t") == "a"
    now = 59.0
    tickets.issue(caller, "t")
    now = 60.0
    with pytest.raises(Forbidden):
        tickets.use("a", None)
    assert tickets.use("b", "t") == Holder(caller, "t")


def test_tickets_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    tickets = Tickets(lambda: 0.0, iter("abc").__next__)
    for _ in range(3):
        tickets.issue(ANYONE, "")
    with pytest.raises(Forbidden):
        tickets.use("a", None)
    assert tickets.use("b", None).caller == ANYONE


def test_tickets_are_kept_as_hashes_only() -> None:
    tickets = Tickets(lambda: 0.0, lambda: "a-secret")
    tickets.issue(ANYONE, "")
    assert "a-secret" not in repr(vars(tickets))
