"""Stored state and change feed against what the clients know (pure)."""

from collections.abc import Mapping

from tests.crash.model import Client, State, opening


def compare(clients: list[Client], found: State) -> list[str]:
    """Return what is stored otherwise than answered; settles the requests in doubt."""
    wrong: list[str] = []
    accounts = opening()
    mine: dict[str, State] = {client.name: {} for client in clients}
    for entity_id, attrs in found.items():
        if entity_id not in accounts:
            mine[entity_id.split(":")[3]][entity_id] = attrs
    for client in clients:
        wrong += client.reconcile(mine[client.name])
    for account, attrs in accounts.items():
        expected = attrs["balance"] + sum(client.moved.get(account, 0) for client in clients)
        stored = found.get(account, {}).get("balance")
        if stored != expected:
            wrong.append(f"{account} holds {stored} instead of {expected}")
    return wrong


def told_by_feed(
    clients: list[Client], told: State, changes: Mapping[str, int], found: State
) -> list[str]:
    """Return where the feed tells another story than the store and the clients.

    `told` is the state rebuilt from the feed, `changes` how many changes it has of each entity.
    """
    wrong = []
    differing = [i for i in told.keys() | found.keys() if told.get(i) != found.get(i)]
    if differing:
        wrong.append(f"feed: tells another state of {sorted(differing)[:5]}")
    expected = dict.fromkeys(opening(), 1)
    for client in clients:
        for counted in (client.changes, client.moves):
            for entity_id, count in counted.items():
                expected[entity_id] = expected.get(entity_id, 0) + count
    for entity_id, count in expected.items():
        if changes.get(entity_id, 0) != count:
            told_of = changes.get(entity_id, 0)
            wrong.append(f"feed: {told_of} changes of {entity_id} instead of {count}")
    return wrong
