"""Receivers' names: looked up apart from each other, once at a time, under the egress rule."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from broker.egress import Egress
from broker.subscriptions.delivery.policy import Fate
from broker.subscriptions.delivery.resolve import MOST, STRANGERS, NoConnection, Resolver
from broker.subscriptions.endpoint import parse_endpoint
from tests.support.patience import PATIENCE


class Names:
    """Looks names up in the test: those that begin with `slow` take until `go_on`."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked: list[str] = []

    def __call__(self, name: str, *args: Any, **options: Any) -> list[tuple[Any, ...]]:
        self.asked.append(name)
        if name.startswith("slow"):
            self.go_on.wait(30)
        if name.startswith("no"):
            raise socket.gaierror("unknown")
        return [(0, 0, 0, "", ("127.0.0.1", 0))] * 2


@pytest.fixture
def names() -> Iterator[Names]:
    found = Names()
    yield found
    found.go_on.set()


def resolver(names: Names) -> Resolver:
    return Resolver(Egress(local=True), names)


async def addresses(resolver: Resolver, name: str) -> Any:
    return await resolver.addresses(parse_endpoint(f"http://{name}/x"))


async def test_slow_names_delay_no_others(names: Names) -> None:
    one = resolver(names)
    slow = [asyncio.ensure_future(addresses(one, f"slow{number}")) for number in range(40)]
    async with asyncio.timeout(PATIENCE):
        assert await addresses(one, "quick") == ["127.0.0.1"]
    assert not any(task.done() for task in slow)
    names.go_on.set()
    await asyncio.gather(*slow)


async def test_a_name_is_looked_up_once_for_all_who_wait(names: Names) -> None:
    one = resolver(names)
    waiting = [asyncio.ensure_future(addresses(one, "slow")) for _ in range(200)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    names.go_on.set()
    assert await asyncio.gather(*waiting[1:]) == [["127.0.0.1"]] * 199
    assert names.asked == ["slow"]


async def test_names_that_are_known_have_room_however_many_are_slow(names: Names) -> None:
    one = resolver(names)
    await addresses(one, "known")
    slow = [asyncio.ensure_future(addresses(one, f"slow{number}")) for number in range(MOST)]
    await asyncio.sleep(0)
    with pytest.raises(NoConnection) as refused:
        await addresses(one, "new")
    assert refused.value.fate is Fate.NO_ANSWER
    assert await addresses(one, "known") == ["127.0.0.1"]
    names.go_on.set()
    ended = await asyncio.gather(*slow, return_exceptions=True)
    assert sum(isinstance(end, NoConnection) for end in ended) == MOST - STRANGERS


async def test_an_address_is_not_looked_up(names: Names) -> None:
    assert await addresses(resolver(names), "127.0.0.1") == ["127.0.0.1"]
    assert await addresses(resolver(names), "[::1]") == ["::1"]
    assert names.asked == []


@pytest.mark.parametrize(
    ("name", "fate", "local"),
    [("nobody", Fate.NO_ANSWER, True), ("inside", Fate.REFUSED, False)],
)
async def test_what_cannot_or_must_not_be_reached_is_told(
    names: Names, name: str, fate: Fate, local: bool
) -> None:
    with pytest.raises(NoConnection) as refused:
        await addresses(Resolver(Egress(local=local), names), name)
    assert refused.value.fate is fate


def test_a_lookup_that_is_under_way_ends_with_its_loop(names: Names) -> None:
    async def give_up() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await addresses(resolver(names), "slow")

    asyncio.run(give_up())
    names.go_on.set()
