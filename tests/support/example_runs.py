"""Runs the examples of a page, in order, on the brokers it says they are for."""

from __future__ import annotations

from contextlib import AsyncExitStack

import orjson

from broker.guard import Guard
from broker.settings import Settings
from broker.store.memory import MemoryStore
from consent.guard import PolicyGuard
from consent.identity.model import Client as Known
from consent.policies.load import default_policies, expander, rules
from smart_data_models.pinned import pinned
from tests.support.asgi import HOST, Client, Stream, Ticking, running
from tests.support.examples import Example, Unlike, check, compare, examples, filled
from tests.support.policies import Known as Clients

GUARDED = "<!-- on a broker that asks for keys -->"
"""What comes after this in a page is asked of a broker under the town's policies."""

LONG = "x" * 70_000
SETTINGS = Settings(context_timeout=30, max_streams=2, max_streams_each=1)


async def run(page: str) -> int:
    """Run the examples of a page; return how many answers were as it says.

    Raises Unlike where one is not.
    """
    opened, _, guarded = page.partition(GUARDED)
    alike = await _run(opened, None)
    return alike + await _run(guarded, _guard()) if guarded else alike


async def _run(text: str, guard: Guard | None) -> int:
    clock, names = Ticking(), {"host": HOST, "long": LONG}
    store = MemoryStore(clock=clock)
    async with (
        running(store, SETTINGS, guard=guard, clock=clock) as client,
        AsyncExitStack() as streams,
    ):
        alike = 0
        for one in examples(text):
            headers = [(name, filled(value, names)) for name, value in one.request.headers]
            path = filled(one.path, names)
            if dict(one.answer.headers).get("Content-Type", "").startswith("text/event-stream"):
                stream = await streams.enter_async_context(client.stream(path, headers))
                await _follow(one, stream, names)
            else:
                await _ask(client, one, path, headers, names)
            alike += 1
        return alike


async def _ask(
    client: Client,
    one: Example,
    path: str,
    headers: list[tuple[str, str]],
    names: dict[str, str],
) -> None:
    body = filled(one.request.body, names).encode() if one.request.body else None
    answer = await client.request(one.method, path, headers, body=body)
    check(one, answer.status, list(answer.headers), answer.body, names)


async def _follow(one: Example, stream: Stream, names: dict[str, str]) -> None:
    """Compare the first events of a stream, which stays open until the page ends."""
    if stream.head.status != one.status:
        raise Unlike(f"{one.request.line}: {stream.head.status}")
    for block in one.answer.body.split("\n\n"):
        told = await stream.event()
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if told.name != fields["event"]:
            raise Unlike(f"{one.request.line}: event {told.name}, expected {fields['event']}")
        if "id" in fields and str(told.id) != fields["id"]:
            raise Unlike(f"{one.request.line}: id {told.id}, expected {fields['id']}")
        compare(orjson.loads(fields["data"]), told.data, names, told.name)


def _guard() -> Guard:
    """Return the town's guard; the key of each client is its name."""
    clients = Clients(
        Known("mk_developer", frozenset({"developer"})),
        Known("mk_two-a-day", frozenset({"developer"}), quota=2),
    )
    expand = expander(orjson.loads(pinned())["@context"])
    return PolicyGuard(clients, rules(default_policies(), expand), Ticking(), seconds=lambda: 0.0)
