"""The MQTT client leaves nothing behind: no error in the log, no socket with the event loop."""

import asyncio
import gc
import socket
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from broker.subscriptions.delivery.mqtt_client import Client
from tests.support.patience import PATIENCE


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


async def test_a_connection_made_after_the_cancellation_is_closed(
    errors: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        ended.set()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        client = Client("127.0.0.1", server.sockets[0].getsockname()[1])
        begun, go_on = asyncio.Event(), asyncio.Event()
        loop, connect_now = asyncio.get_running_loop(), client._client.connect

        def late(*args: Any) -> None:
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            connect_now(*args)

        monkeypatch.setattr(client._client, "connect", late)
        connecting = asyncio.create_task(client.__aenter__())
        await begun.wait()
        connecting.cancel()
        await asyncio.wait({connecting})
        go_on.set()
        await asyncio.wait_for(ended.wait(), PATIENCE)
    assert errors == []
