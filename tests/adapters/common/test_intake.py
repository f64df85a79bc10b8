"""The intake: every message ends in the broker, or apart with its reason."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.common.intake import MOST_BYTES, MOST_ERRORS, Intake
from adapters.common.quarantine import Quarantine
from adapters.common.spool import MOST, Spool
from adapters.contract import BadPayload, Health, Level, Manifest, Message, Reading
from broker.client import (
    BadRequest,
    ClientError,
    Forbidden,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from tests.support.patience import PATIENCE


class Recorder:
    """An adapter that writes to a list; `faults` are raised first, one per try."""

    def __init__(self) -> None:
        self.health = Health()
        self.manifest = Manifest("recorder", "Recorder", Level.BRONZE, (), (), (), (), ())
        self.written: list[str] = []
        self.faults: list[Exception] = []
        self.ahead: list[float] = []
        self.tell: Callable[[], object] = lambda: None

    def decode(self, message: Message) -> Sequence[Reading]:
        text = message.payload.decode()
        if text == "bug":
            raise KeyError(text)
        if text == "bad":
            raise BadPayload("bad", place="data")
        if text == "refused":
            raise BadPayload("bad", place="data", device=text)
        return [Reading("d", message.ticket, part, {}) for part in text.split()]

    async def write(self, reading: Reading) -> bool:
        if self.faults:
            raise self.faults.pop(0)
        if reading.observed_at in self.written:
            return False
        self.written.append(reading.observed_at)
        self.tell()
        return True

    def sender(self, message: Message) -> str:
        return message.topic

    async def forgets(self, device: str) -> bool:
        return device == "forgotten"

    async def knows(self, device: str) -> bool:
        if device == "refused":
            raise Forbidden(403, {})
        return True

    async def run(self) -> None:
        """Do nothing."""

    async def clock_ahead(self, reading: Reading, seconds: float) -> None:
        self.ahead.append(seconds)


class Bench:
    """The intake with its files and a recorded sleep."""

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self.adapter = Recorder()
        self.spool = Spool(folder / "spool.db", most=most)
        self.quarantine = Quarantine(
            folder / "quarantine", now=lambda: datetime(2026, 7, 4, tzinfo=UTC)
        )
        self.slept: list[float] = []
        self.intake = Intake(
            self.adapter,
            self.spool,
            self.quarantine,
            now=lambda: "2026-07-04T00:00:00Z",
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def send(self, *texts: str) -> None:
        """Take messages and bring them to their end."""
        await self.intake.take([Message("t", text.encode()) for text in texts])
        while self.spool.waiting:
            seq, message = await self.spool.first()
            await self.intake.finish(message)
            await self.spool.done(seq)

    async def reasons(self) -> list[tuple[str, str]]:
        """Return kind and reason of what is in quarantine, oldest first."""
        return [(held.kind, held.reason) for held in reversed(await self.quarantine.list())]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.spool.close()
    made.quarantine.close()


MIDNIGHT = "2026-07-03T23:00:00Z"


@pytest.mark.parametrize(
    "fault",
    [
        Unreachable("away"),
        Unavailable(503, {"title": "Stopping"}),
        Unavailable(429, {"title": "TooManyRequests"}),
        Unauthorized(401, {"title": "Unauthorized"}),
    ],
)
async def test_messages_wait_for_a_broker_that_is_away(bench: Bench, fault: ClientError):
    bench.adapter.faults = [fault] * 20
    await bench.send(MIDNIGHT)
    assert bench.adapter.written == [MIDNIGHT]
    assert len(bench.slept) == 20
    assert max(bench.slept) <= 10


async def test_what_the_broker_refuses_is_put_apart_and_the_next_is_taken(bench: Bench):
    bench.adapter.faults = [BadRequest(400, {"title": "BadRequestData"})]
    await bench.send("2026-07-03T22:00:00Z", MIDNIGHT)
    assert bench.adapter.written == [MIDNIGHT]
    [(kind, reason)] = await bench.reasons()
    assert kind == "refusedByBroker"
    assert "BadRequestData" in reason


async def test_message_over_which_the_broker_fails_again_and_again_is_put_apart(bench: Bench):
    bench.adapter.faults = [Unavailable(500, {"title": "InternalError"})] * MOST_ERRORS
    await bench.send(MIDNIGHT)
    assert bench.adapter.written == []
    assert (await bench.reasons())[0][0] == "refusedByBroker"


@pytest.mark.parametrize("text", ["bad", "bug"])
async def test_message_that_cannot_be_read_stops_nothing(bench: Bench, text: str):
    await bench.send(text, MIDNIGHT)
    assert bench.adapter.written == [MIDNIGHT]
    assert bench.adapter.health.bad == 1


async def test_of_a_device_that_floods_what_is_too_much_is_dropped_and_counted(tmp_path: Path):
    small = Bench(tmp_path, most=4)
    for topic in ("noisy", "noisy", "noisy", "gauge"):
        await small.intake.take([Message(topic, MIDNIGHT.encode())])
    assert (small.spool.waiting, small.adapter.health.flooded) == (3, 1)
    assert not small.spool.crowded("gauge")
    small.spool.close()
    small.quarantine.close()


async def test_message_longer_than_any_device_sends_is_noted_and_not_kept(bench: Bench):
    await bench.send("x" * (MOST_BYTES + 1), MIDNIGHT)
    assert bench.adapter.written == [MIDNIGHT]
    (held,) = await bench.quarantine.list()
    assert (held.kind, held.size) == ("badPayload", 0)
    assert str(MOST_BYTES + 1) in held.reason


async def test_bad_message_stops_nothing_where_the_broker_will_not_name_devices(bench: Bench):
    await bench.send("refused", MIDNIGHT)
    assert bench.adapter.written == [MIDNIGHT]
    assert [kind for kind, _ in await bench.reasons()] == ["badPayload"]


async def test_a_clock_a_little_ahead_is_believed(bench: Bench):
    await bench.send("2026-07-04T00:05:00Z")
    assert bench.adapter.written == ["2026-07-04T00:05:00Z"]


async def test_a_clock_far_ahead_is_flagged_and_not_believed(bench: Bench):
    await bench.send("2026-07-04T00:05:01Z")
    assert bench.adapter.written == []
    assert bench.adapter.ahead == [301]
    assert (await bench.reasons())[0][0] == "clockAhead"


async def test_message_half_written_is_written_whole_at_the_next_try(bench: Bench):
    bench.adapter.faults = []
    await bench.intake.take([Message("t", f"2026-07-03T22:00:00Z {MIDNIGHT}".encode())])
    seq, message = await bench.spool.first()
    await bench.adapter.write(bench.adapter.decode(message)[0])
    await bench.intake.finish(message)
    await bench.spool.done(seq)
    assert bench.adapter.written == ["2026-07-03T22:00:00Z", MIDNIGHT]
    assert bench.adapter.health.repeated == 1


async def test_of_messages_that_come_together_each_came_later_than_the_one_before(bench: Bench):
    await bench.intake.take([Message("t", b"unlocked"), Message("t", b"locked")])
    times = []
    while bench.spool.waiting:
        seq, message = await bench.spool.first()
        times.append(message.received)
        await bench.spool.done(seq)
    assert times == ["2026-07-04T00:00:00Z", "2026-07-04T00:00:00.000001Z"]


async def test_what_waits_and_what_is_held_of_a_device_is_forgotten_and_no_other(bench: Bench):
    await bench.send("bad")
    messages = [Message("t", b"bad"), Message("other", b"bad"), Message("t", MIDNIGHT.encode())]
    await bench.intake.take(messages)
    await bench.intake.forget("t")
    assert await bench.reasons() == []
    assert (await bench.spool.first())[1].topic == "other"
    assert bench.spool.waiting == bench.adapter.health.waiting == 1
    assert bench.adapter.health.forgotten == 3


async def test_message_that_is_forgotten_before_its_turn_is_not_written(bench: Bench):
    await bench.intake.take(
        [Message("t", MIDNIGHT.encode()), Message("u", b"2026-07-03T22:00:00Z")]
    )
    written = asyncio.Event()
    bench.adapter.tell = written.set
    await bench.intake.forget("t")
    draining = asyncio.create_task(bench.intake.drain())
    await asyncio.wait_for(written.wait(), PATIENCE)
    draining.cancel()
    assert bench.adapter.written == ["2026-07-03T22:00:00Z"]


async def test_message_that_is_forgotten_as_it_is_taken_out_is_not_written(bench: Bench):
    await bench.intake.take([Message("t", MIDNIGHT.encode())])
    seq, _ = await bench.spool.first()
    assert bench.spool.holds(seq)
    await bench.intake.forget("t")
    assert not bench.spool.holds(seq)


async def test_messages_of_a_device_to_be_forgotten_are_not_held(bench: Bench):
    await bench.intake.take([Message("forgotten", b"bad"), Message("t", b"bad")])
    while bench.spool.waiting:
        seq, message = await bench.spool.first()
        await bench.intake.finish(message)
        await bench.spool.done(seq)
    assert [held.topic for held in await bench.quarantine.list()] == ["t"]
