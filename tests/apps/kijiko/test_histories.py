"""Any history, parallel acts included: books balance at every commit, and the chain verifies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from apps.kijiko.ledger.errors import Busy, NotPossible
from apps.kijiko.ledger.keeper import Keeper
from apps.kijiko.ledger.reading import verify_ledger
from apps.kijiko.ledger.transfer import Transfer
from tests.apps.kijiko.commits import judge
from tests.apps.kijiko.stage import (
    ANNA,
    BEN,
    CITIZENS,
    CURRENCY,
    KEYS,
    MERCHANTS,
    STEPS,
    asked,
    broker,
    stage,
)
from tests.support import effort

PATIENCE = 60
AMOUNTS = st.integers(1, 400)
WHO, WHERE = st.sampled_from(CITIZENS), st.sampled_from(MERCHANTS)
ACTS = st.sampled_from(["pay", "pay", "charge", "grant", "refund", "settle", "reverse", "expire"])
PARALLEL = st.lists(st.tuples(ACTS, WHO, WHERE, AMOUNTS, st.integers(0, 3)), min_size=2, max_size=6)
Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Histories(RuleBasedStateMachine):
    """A town in a tenant of its own, and what was done in it."""

    def __init__(self, url: str, run: Run) -> None:
        super().__init__()
        self.run = run
        self.stack = AsyncExitStack()
        setting = stage(url, f"town{next(KEYS)}", maxBalance=3000, maxPaymentPerDay=2000)
        self.town = run(self.stack.enter_async_context(setting))
        self.made: list[Transfer] = []
        self.run(self._done(self.town.book.fund(STEPS, 600, asked())))

    @rule(who=WHO, amount=AMOUNTS)
    def charge(self, who: str, amount: int) -> None:
        self.run(self._act("charge", who, "", amount, 0))

    @rule(who=WHO, where=WHERE, amount=AMOUNTS)
    def pay(self, who: str, where: str, amount: int) -> None:
        self.run(self._act("pay", who, where, amount, 0))

    @rule(acts=PARALLEL)
    def many_at_once(self, acts: list[tuple[str, str, str, int, int]]) -> None:
        async def together() -> None:
            await asyncio.gather(*(self._act(*one) for one in acts))

        self.run(together())

    @rule(days=st.sampled_from([1, 40, 190]))
    def time_passes(self, days: int) -> None:
        self.town.later(days)

    @rule(who=WHO, frozen=st.booleans())
    def freeze(self, who: str, frozen: bool) -> None:
        wallets = self.town.wallets
        self.run(self._done(wallets.freeze(who) if frozen else wallets.unfreeze(who)))

    @precondition(lambda self: self.made)
    @rule(place=st.integers(0, 50), again=st.booleans())
    def take_back(self, place: int, again: bool) -> None:
        self.run(self._act("reverse" if again else "refund", "", "", 50, place))

    @rule(amount=AMOUNTS)
    def pay_out(self, amount: int) -> None:
        self.run(self._done(self.town.book.pay_out(amount, asked())))

    @rule()
    def move(self) -> None:
        self.run(self._done(self.town.book.move(ANNA, BEN, asked())))

    def teardown(self) -> None:
        try:
            self.run(self._judge())
        finally:
            self.run(self.stack.aclose())

    async def _act(self, act: str, who: str, where: str, amount: int, place: int) -> None:
        book = self.town.book
        known = self.made[place % len(self.made)].id if self.made else ""
        match act:
            case "charge":
                doing: Awaitable[Any] = book.charge(who, amount, asked())
            case "pay":
                doing = book.pay(who, where, amount, asked())
            case "grant":
                doing = book.grant(STEPS, who, amount, asked())
            case "settle":
                doing = book.settle(where, amount, amount // 10, asked())
            case "expire":
                doing = book.expire(who)
            case "refund" if known:
                doing = book.refund(known, amount, asked())
            case "reverse" if known:
                doing = book.reverse(known, "mistake", ("u-1", "u-2"), asked())
            case _:
                return
        await self._done(doing)

    async def _done(self, doing: Awaitable[Any]) -> None:
        try:
            made = await doing
        except (NotPossible, Busy):
            return
        if isinstance(made, Transfer):
            self.made.append(made)

    async def _judge(self) -> None:
        client = self.town.client
        assert await judge(client, "urn:ngsi-ld:Marker:end") == len(self.made)
        keeper = Keeper(self.town.book, every=3600)
        keeping = asyncio.create_task(keeper.run())
        async with asyncio.timeout(PATIENCE):
            while (report := await verify_ledger(client, CURRENCY)).chain.unsealed:
                await asyncio.sleep(0.02)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert (report.faults, report.busy, report.chain.broken) == ([], [], None)
        assert report.chain.sealed == report.transfers >= len(self.made)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[tuple[str, Run]]:
    """Give the URL of a broker, and what runs a coroutine in its loop."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        url = runner.run(stack.enter_async_context(broker(tmp_path)))
        yield url, runner.run
        runner.run(stack.aclose())


@pytest.mark.timeout(effort(quick=900, long=3000))
def test_books_balance_at_every_commit_of_any_history(town: tuple[str, Run]):
    class Here(Histories):
        def __init__(self) -> None:
            super().__init__(*town)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=effort(quick=6, long=150), stateful_step_count=12, deadline=None
        ),
    )
