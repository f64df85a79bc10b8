"""The MQTT binding against Mosquitto, and against the town's own broker that knows 3.1.1 only."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import patch

import aiomqtt
import orjson
import pytest

from broker.egress import Egress
from broker.subscriptions.delivery.message import Message
from broker.subscriptions.delivery.mqtt import MqttSender
from broker.subscriptions.delivery.policy import Fate, Tried
from broker.subscriptions.delivery.quality import V5, V311, Quality
from broker.subscriptions.delivery.resolve import Lookup, Resolver
from broker.subscriptions.endpoint import parse_endpoint
from tests.support import free_port, require_tool
from tests.support.patience import PATIENCE
from tests.support.receivers import HOST, listening, mosquitto

MESSAGE = Message(
    b'{"type":"Notification"}', (("Content-Type", "application/json"), ("X-Town", "Hitoyoshi"))
)


@contextlib.asynccontextmanager
async def sender(
    egress: Egress | None = None,
    lookup: Lookup = socket.getaddrinfo,
    connack: float = PATIENCE,
) -> AsyncIterator[MqttSender]:
    one = MqttSender(Resolver(egress or Egress(local=True), lookup))
    with patch("broker.subscriptions.delivery.mqtt.CONNACK", connack):
        try:
            yield one
        finally:
            await one.close()


async def send(
    mqtt: MqttSender, uri: str, quality: Quality | None = None, attempt: int = 1
) -> Tried:
    return await mqtt.send(
        parse_endpoint(uri), MESSAGE, quality or Quality(), attempt=attempt, timeout=PATIENCE
    )


@contextlib.asynccontextmanager
async def subscriber(port: int, topic: str = "#", **options) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(HOST, port, **options) as client:
        await client.subscribe(topic, qos=2)
        yield client


async def heard(client: aiomqtt.Client) -> aiomqtt.Message:
    async with asyncio.timeout(PATIENCE):
        return await anext(client.messages)


@pytest.mark.parametrize("version", [V5, V311])
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_notification_arrives_in_each_version_and_quality(
    tmp_path: Path, version: str, qos: int
) -> None:
    port = free_port()
    async with mosquitto(port, tmp_path), subscriber(port) as client, sender() as mqtt:
        tried = await send(mqtt, f"mqtt://{HOST}:{port}/town/river/1", Quality(version, qos))
        message = await heard(client)
    assert tried == Tried(Fate.DELIVERED)
    assert str(message.topic) == "town/river/1"
    assert message.qos == qos
    assert orjson.loads(message.payload) == {
        "metadata": {"Content-Type": "application/json", "X-Town": "Hitoyoshi"},
        "body": {"type": "Notification"},
    }


async def test_a_repeat_says_in_its_metadata_which_try_it_is(tmp_path: Path) -> None:
    port = free_port()
    async with mosquitto(port, tmp_path), subscriber(port) as client, sender() as mqtt:
        await send(mqtt, f"mqtt://{HOST}:{port}/t", attempt=4)
        message = await heard(client)
    assert orjson.loads(message.payload)["metadata"]["Machi-Attempt"] == "4"


def _accounts(folder: Path) -> tuple[str, str]:
    passwords = folder / "passwords"
    command = [require_tool("mosquitto_passwd"), "-b", "-c", str(passwords), "town", "p@ss/wörd"]
    subprocess.run(command, check=True, capture_output=True)
    return "allow_anonymous false", f"password_file {passwords}"


async def test_user_and_password_come_from_the_uri(tmp_path: Path) -> None:
    port = free_port()
    good = f"mqtt://town:p%40ss%2Fw%C3%B6rd@{HOST}:{port}/t"
    async with mosquitto(port, tmp_path, *_accounts(tmp_path)), sender() as mqtt:
        assert await send(mqtt, good, Quality(qos=1)) == Tried(Fate.DELIVERED)
        for bad in (good.replace("p%40ss", "secret"), f"mqtt://{HOST}:{port}/t"):
            for version in (V5, V311):
                tried = await send(mqtt, bad, Quality(version, 1))
                assert tried.fate is Fate.NOT_NOW
                assert "user name or password" in tried.words
                assert "secret" not in tried.words


async def test_one_connection_serves_all_topics_of_a_broker(tmp_path: Path) -> None:
    port = free_port()
    async with (
        mosquitto(port, tmp_path, "allow_anonymous true", "max_connections 2"),
        subscriber(port) as client,
        sender() as mqtt,
    ):
        sends = [send(mqtt, f"mqtt://{HOST}:{port}/t/{n}", Quality(qos=1)) for n in range(40)]
        assert set(await asyncio.gather(*sends)) == {Tried(Fate.DELIVERED)}
        topics = {str((await heard(client)).topic) for _ in range(40)}
    assert topics == {f"t/{n}" for n in range(40)}


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_message_longer_than_the_broker_takes_is_refused_and_cuts_nobody_off(
    tmp_path: Path, qos: int
) -> None:
    port, most = free_port(), 2000
    topic = f"mqtt://{HOST}:{port}/t"
    limits = ("allow_anonymous true", f"max_packet_size {most}")
    async with mosquitto(port, tmp_path, *limits), sender() as mqtt:
        for size, fate in ((most, Fate.REFUSED), (most - 100, Fate.DELIVERED)):
            long = Message(b'"' + b"x" * (size - 2) + b'"', ())
            tried = await mqtt.send(
                parse_endpoint(topic), long, Quality(qos=qos), attempt=1, timeout=PATIENCE
            )
            assert tried.fate is fate
        assert await send(mqtt, topic, Quality(qos=1)) == Tried(Fate.DELIVERED)


async def test_a_broker_that_comes_back_is_connected_to_again(tmp_path: Path) -> None:
    port = free_port()
    uri = f"mqtt://{HOST}:{port}/t"
    async with sender() as mqtt:
        async with mosquitto(port, tmp_path):
            assert (await send(mqtt, uri, Quality(qos=1))).fate is Fate.DELIVERED
        tried = await send(mqtt, uri, Quality(qos=1))
        assert tried.fate is Fate.NO_ANSWER
        async with mosquitto(port, tmp_path):
            assert (await send(mqtt, uri, Quality(qos=1))).fate is Fate.DELIVERED


async def test_a_name_with_several_addresses_is_tried_at_each(tmp_path: Path) -> None:
    port = free_port()

    def two(*args: object, **options: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (address, 0)) for address in ("::1", HOST)]

    async with mosquitto(port, tmp_path), sender(lookup=two) as mqtt:
        assert await send(mqtt, f"mqtt://localhost:{port}/t", Quality(qos=1)) == Tried(
            Fate.DELIVERED
        )


async def test_a_try_that_gives_up_on_a_connection_ends_the_other_tries_that_wait_for_it() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, HOST, 0) as server, sender() as mqtt:
        address = parse_endpoint(f"mqtt://{HOST}:{server.sockets[0].getsockname()[1]}/t")
        tries = [
            mqtt.send(address, MESSAGE, Quality(), attempt=1, timeout=timeout)
            for timeout in (0.1, 60)
        ]
        tried = await asyncio.wait_for(asyncio.gather(*tries), PATIENCE)
    assert [one.fate for one in tried] == [Fate.NO_ANSWER] * 2


async def test_a_broker_without_version_5_is_spoken_to_in_3_1_1_and_that_is_told() -> None:
    port = free_port()
    quiet = asyncio.subprocess.DEVNULL
    town = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "machi.mqtt", "--port", str(port), stdout=quiet, stderr=quiet
    )
    try:
        await asyncio.wait_for(listening(port), PATIENCE)
        old = aiomqtt.ProtocolVersion.V311
        async with subscriber(port, protocol=old) as client, sender() as mqtt:
            for _ in range(2):
                tried = await send(mqtt, f"mqtt://{HOST}:{port}/t", Quality(V5, 1))
                assert tried == Tried(Fate.DELIVERED)
                await heard(client)
            assert list(mqtt.notes.values()) == ["Speaks MQTT 3.1.1, not 5.0 as asked."]
    finally:
        town.terminate()
        await town.wait()


@contextlib.asynccontextmanager
async def old_broker(
    refusal: bytes | None, left: asyncio.Semaphore | None = None
) -> AsyncIterator[tuple[str, list[int]]]:
    """Run a broker that knows 3.1.1 only; give its URI and the versions it was spoken to in.

    To another version it answers `refusal`, and closes; with None it does nothing at all. `left`
    is released for each client that left.
    """
    versions: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(9)
        versions.append(head[8])
        if head[8] == 4:
            writer.write(b"\x20\x02\x00\x00")
        elif refusal is not None:
            writer.write(refusal)
            writer.close()
            return
        await reader.read()
        writer.close()
        if left is not None:
            left.release()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        yield f"mqtt://{HOST}:{server.sockets[0].getsockname()[1]}/t", versions


@pytest.mark.parametrize(
    "refusal",
    [b"", b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00"],
    ids=["closed", "code 1", "code 132"],
)
async def test_a_broker_that_refuses_version_5_is_asked_in_3_1_1_at_once(refusal: bytes) -> None:
    async with old_broker(refusal) as (uri, versions), sender() as mqtt:
        assert await send(mqtt, uri) == Tried(Fate.DELIVERED)
        assert versions == [5, 4]


async def test_a_broker_that_only_says_nothing_is_not_taken_for_an_old_one() -> None:
    left = asyncio.Semaphore(0)
    async with old_broker(None, left) as (uri, versions), sender(connack=0.1) as mqtt:
        for count in (1, 2):
            assert (await send(mqtt, uri)).fate is Fate.NO_ANSWER
            async with asyncio.timeout(PATIENCE):
                await left.acquire()
            assert versions == [5] * count
        assert mqtt.notes == {}


async def test_the_egress_rule_holds(tmp_path: Path) -> None:
    port = free_port()
    async with mosquitto(port, tmp_path), sender(Egress()) as mqtt:
        tried = await send(mqtt, f"mqtt://{HOST}:{port}/t")
    assert tried.fate is Fate.REFUSED
    assert "--allow-egress" in tried.words
