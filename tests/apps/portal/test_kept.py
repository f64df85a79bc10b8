"""Answers are asked for once, however many want them."""

import asyncio

import pytest

from apps.portal.kept import AT_ONCE, MOST, SECONDS, Kept


class Asking:
    """Counts its questions; each is answered once `answered` is set."""

    def __init__(self) -> None:
        self.count = self.most = self.now = 0
        self.answered = asyncio.Event()

    async def __call__(self) -> int:
        self.count += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await self.answered.wait()
        self.now -= 1
        return self.count


async def test_all_who_want_an_answer_wait_for_one_question():
    kept, asking = Kept(), Asking()
    waiting = [asyncio.create_task(kept.get("a", asking)) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    asking.answered.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert answers[1:] == [1] * 49
    assert asking.count == 1


async def test_answer_is_asked_for_again_after_a_while():
    now = 0.0
    kept, asking = Kept(lambda: now), Asking()
    asking.answered.set()
    assert await kept.get("a", asking) == 1
    now = SECONDS - 0.1
    assert await kept.get("a", asking) == 1
    now = SECONDS
    assert await kept.get("a", asking) == 2


async def test_failure_is_told_and_forgotten():
    kept, asking = Kept(), Asking()
    asking.answered.set()

    async def fail() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        await kept.get("a", fail)
    assert await kept.get("a", asking) == 1


async def test_few_questions_are_asked_at_once_and_few_answers_kept():
    kept, asking = Kept(), Asking()
    waiting = [asyncio.create_task(kept.get(n, asking)) for n in range(MOST + 9)]
    while asking.now < AT_ONCE:
        await asyncio.sleep(0)
    asking.answered.set()
    await asyncio.gather(*waiting)
    assert asking.most == AT_ONCE
    before = asking.count
    await kept.get(MOST + 8, asking)
    assert asking.count == before
    await kept.get(0, asking)
    assert asking.count == before + 1
