"""Guards that decide by policies, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from broker.clock import Clock
from broker.guard import Action, Caller
from broker.query.ast import IdMatches
from consent.guard import PolicyGuard
from consent.identity.model import Client
from consent.policies.rule import Rule

EVERY_ACTION = frozenset(Action)


class Known:
    """Clients by name; a key is the name of its client."""

    def __init__(self, *clients: Client) -> None:
        self.clients = {client.name: client for client in clients}
        self.generation = 1

    def refresh(self) -> int:
        """Return how often something changed."""
        return self.generation

    def client(self, name: str) -> Client | None:
        """Return a client."""
        return self.clients.get(name)

    def holder(self, text: str, now: str) -> Client | None:
        """Return the client of a key."""
        return self.clients.get(text)

    def credential(self, text: str) -> str:
        """Return nothing: keys are names."""
        return ""

    def opens(self, client: str, credential: str, now: str) -> bool:
        """Tell whether there is such a client."""
        return client in self.clients

    def put(self, client: Client) -> None:
        """Change a client."""
        self.clients[client.name] = client
        self.generation += 1


class _Visited(PolicyGuard):
    """Takes everybody for the same visitor."""

    def identify(self, headers: Mapping[bytes, bytes], address: str = "") -> Caller:
        return Caller("visitor")


def marking_guard(mark: str, type_iri: str, attributes: list[str], clock: Clock) -> PolicyGuard:
    """Return a guard whose policies hide what is marked from everybody, and administration."""
    hidden = partial(Rule, permits=False, actions=EVERY_ACTION)
    return _Visited(
        Known(Client("visitor")),
        [
            Rule("open", actions=EVERY_ACTION - {Action.ADMINISTER}),
            hidden("ids", where=IdMatches(mark)),
            hidden("types", types=frozenset((type_iri,))),
            hidden("attributes", attributes=frozenset(attributes)),
        ],
        clock,
    )
