"""The MQTT client leaves nothing behind: no error in the log, no socket with the event loop."""

import asyncio
import gc
import socket
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from broker.subscriptions.delivery.mqtt_client import Client


@pytest.fixture
async def errors() -> list[dict[str, Any]]:
    """Give what the event loop complains of."""
    found: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: found.append(context))
    return found


async def test_a_socket_that_was_closed_meanwhile_is_not_waited_for(errors: list[Any]) -> None:
    client = Client("127.0.0.1")
    ours, theirs = socket.socketpair()
    client._on_socket_register_write(client._client, None, ours)
    ours.close()
    await asyncio.sleep(0)
    theirs.close()
    assert errors == []


async def test_a_lost_connection_that_nobody_waits_for_is_no_error(errors: list[Any]) -> None:
    client = Client("127.0.0.1")
    client._connected.set_result(None)
    lost = ReasonCode(PacketTypes.DISCONNECT, "Unspecified error")
    client._on_disconnect(client._client, None, None, lost)
    assert client._disconnected.done()
    await asyncio.sleep(0)
    del client
    gc.collect()
    assert errors == []
