"""Who may speak for which device at the town's Mosquitto (`deploy/mosquitto.acl`)."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from adapters.iot_agent.topics import command_topic
from adapters.river_gauge.chirpstack import uplink_topic
from adapters.river_gauge.things_stack import uplink_topic as things_stack_topic
from tests.support import free_port, require_tool
from tests.support.patience import PATIENCE
from tests.support.receivers import HOST, mosquitto

ACL = Path(__file__).parents[2] / "deploy" / "mosquitto.acl"
DEVICE = "lock-1"
ACCOUNTS = ("adapters", "chirpstack", "zigbee2mqtt", DEVICE)


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    passwords = tmp_path / "accounts"
    passwords.touch(mode=0o600)
    for name in ACCOUNTS:
        command = [require_tool("mosquitto_passwd"), "-b", str(passwords), name, name]
        subprocess.run(command, check=True, capture_output=True)
    acl = tmp_path / "acl"
    acl.write_text(ACL.read_text())
    acl.chmod(0o600)
    settings = ("allow_anonymous false", f"password_file {passwords}", f"acl_file {acl}")
    number = free_port()
    async with mosquitto(number, tmp_path, *settings):
        yield number


def account(port: int, name: str) -> aiomqtt.Client:
    return aiomqtt.Client(HOST, port, username=name, password=name)


async def arriving(port: int, name: str, *topics: str) -> list[str]:
    """Return the topics on which what an account publishes reaches the town's adapters."""
    found: list[str] = []
    async with account(port, "adapters") as town, account(port, name) as sender:
        await town.subscribe("#", qos=1)
        for topic in topics:
            await sender.publish(topic, b"x", qos=1)
        await town.publish("last", b"x", qos=1)
        async with asyncio.timeout(PATIENCE):
            async for message in town.messages:
                if str(message.topic) == "last":
                    break
                found.append(str(message.topic))
    return found


async def test_each_account_speaks_for_its_own(port: int):
    gauge, lock = uplink_topic("a", "24e1240000043201"), "zigbee2mqtt/gym"
    assert await arriving(port, "chirpstack", gauge, lock) == [gauge]
    assert await arriving(port, "zigbee2mqtt", gauge, lock) == [lock]


async def test_device_speaks_for_no_gauge_and_no_other_device(port: int):
    own = [f"/ul/key/{DEVICE}/attrs", f"/json/key/{DEVICE}/cmdexe"]
    others = [
        uplink_topic(DEVICE, "24e1240000043201"),
        uplink_topic("a", DEVICE),
        things_stack_topic(DEVICE, "gauge"),
        f"zigbee2mqtt/{DEVICE}",
        "/ul/key/other/attrs",
        f"/ul/{DEVICE}/other/attrs",
    ]
    assert await arriving(port, DEVICE, *others, *own) == own


async def test_device_hears_its_own_commands_alone(port: int):
    async with account(port, DEVICE) as device, account(port, "adapters") as town:
        await device.subscribe("#", qos=1)
        for name in ("other", DEVICE):
            await town.publish(command_topic("key", name), b"x", qos=1)
        async with asyncio.timeout(PATIENCE):
            assert str((await anext(device.messages)).topic) == command_topic("key", DEVICE)
