"""The replay: its clock, its marks, and how it ends."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from adapters.contract import Message
from broker.client import Client, value
from machi.errors import NotReachable
from machi.flood import flood_samples
from machi.replay import Replay, replay
from machi.seed.parts import facts
from machi.seed.plant import plant
from machi.seed.town import DRILL_ID
from tests.support import free_port
from tests.support.live import live_broker

START = datetime.fromisoformat("2020-07-04T05:45:00+09:00")
UNTIL = datetime.fromisoformat("2020-07-04T05:55:00+09:00")
SAMPLES = flood_samples(facts("kuma-2020"), START, UNTIL)


class Clock:
    """A clock that moves by sleeping only."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with live_broker(tmp_path) as url:
        async with Client(url) as town, Client(url, tenant="drill") as drill:
            await plant(town, drill)
        yield url


async def played(url: str, speed: float) -> tuple[list[tuple[float, Message]], list[str]]:
    """Play the samples; return what was published when, and what was said."""
    clock = Clock()
    sent: list[tuple[float, Message]] = []
    said: list[str] = []

    async def publish(message: Message) -> None:
        sent.append((clock.now, message))

    async with Client(url, tenant="drill") as drill:
        await Replay(
            drill,
            publish,
            SAMPLES,
            speed,
            said.append,
            monotonic=clock,
            sleep=clock.sleep,
            patience=0.3,
        ).play()
    return sent, said


async def test_samples_go_out_at_their_time_divided_by_the_speed(url: str):
    sent, _ = await played(url, speed=60)
    assert [round(at, 6) for at, _ in sent] == [
        (sample.at - SAMPLES[0].at).total_seconds() / 60 for sample in SAMPLES
    ]


async def test_uplinks_carry_the_times_of_the_flood_and_where_the_level_comes_from(url: str):
    sent, _ = await played(url, speed=600)
    events = [orjson.loads(message.payload) for _, message in sent]
    assert [event["time"] for event in events] == [sample.at.isoformat() for sample in SAMPLES]
    tags = [event["deviceInfo"]["tags"] for event in events]
    assert [tag["provenance"] for tag in tags] == [sample.provenance for sample in SAMPLES]
    assert len({tag["run"] for tag in tags}) == 1


async def test_everything_said_is_marked_and_a_silent_chain_is_named(url: str):
    _, said = await played(url, speed=600)
    assert all(line.startswith("【訓練】") for line in said)
    assert "did not reach the alerts app" in said[-1]


async def test_drill_is_ended_when_the_play_is_over(url: str):
    await played(url, speed=600)
    async with Client(url, tenant="drill") as drill:
        entity = await drill.retrieve(DRILL_ID)
    assert value(entity, "drillState") == "finished"
    assert value(entity, "operationStatus") == "test"


async def test_drill_is_ended_when_the_play_breaks_off(url: str):
    async def publish(message: Message) -> None:
        raise RuntimeError("the wire is cut")

    async with Client(url, tenant="drill") as drill:
        with pytest.raises(RuntimeError, match="cut"):
            await Replay(drill, publish, SAMPLES, 600, lambda text: None).play()
        assert value(await drill.retrieve(DRILL_ID), "drillState") == "stopped"


async def test_play_that_ends_leaves_alone_the_one_that_began_after_it(url: str):
    said: list[str] = []
    async with Client(url, tenant="drill") as drill:

        async def publish(message: Message) -> None:
            entity = {**await drill.retrieve(DRILL_ID), "run": {"type": "Property", "value": "b"}}
            await drill.upsert([entity])
            raise RuntimeError("broken off")

        with pytest.raises(RuntimeError):
            await Replay(drill, publish, SAMPLES, 600, said.append).play()
        shown = await drill.retrieve(DRILL_ID)
    assert (value(shown, "run"), value(shown, "drillState")) == ("b", "running")
    assert "Another play" in said[-1]


async def test_two_plays_differ_in_their_run(url: str):
    runs = set()
    for _ in range(2):
        sent, _ = await played(url, speed=6000)
        runs.add(orjson.loads(sent[0][1].payload)["deviceInfo"]["tags"]["run"])
    assert len(runs) == 2


async def test_without_a_broker_nothing_is_played():
    with pytest.raises(NotReachable) as caught:
        await replay(
            SAMPLES,
            speed=600,
            broker=f"http://127.0.0.1:{free_port()}",
            mqtt_host="127.0.0.1",
            mqtt_port=free_port(),
            tenant="drill",
            say=lambda text: None,
        )
    assert "machi up" in caught.value.remedy


async def test_without_mqtt_nothing_is_played(url: str):
    port = free_port()
    with pytest.raises(NotReachable, match=str(port)):
        await replay(
            SAMPLES,
            speed=600,
            broker=url,
            mqtt_host="127.0.0.1",
            mqtt_port=port,
            tenant="drill",
            say=lambda text: None,
        )
    async with Client(url, tenant="drill") as drill:
        assert await drill.query(type="Drill") == []
