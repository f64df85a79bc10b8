"""An MQTT connection ends with whoever wanted it, whatever the broker does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiomqtt
import pytest

from adapters.common.mqtt_client import MqttClient
from tests.support.mqtt import HOST
from tests.support.patience import PATIENCE


class Silent:
    """Takes connections, says nothing, and tells when one was made and when one ended."""

    def __init__(self) -> None:
        self.made = asyncio.Semaphore(0)
        self.ended = asyncio.Semaphore(0)
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made.release()
        with contextlib.suppress(OSError):
            await reader.read()
        self.ended.release()
        writer.close()

    async def was_left(self) -> bool:
        """Tell that a connection has ended. Raises TimeoutError where none does."""
        return await asyncio.wait_for(self.ended.acquire(), PATIENCE)


@pytest.fixture
async def silent() -> AsyncIterator[Silent]:
    one = Silent()
    async with await asyncio.start_server(one.serve, HOST, 0) as server:
        one.port = server.sockets[0].getsockname()[1]
        yield one


async def connect(port: int, seconds: float = PATIENCE) -> None:
    async with MqttClient(HOST, port, timeout=seconds):
        pytest.fail("nobody let it in")


async def test_a_connection_that_is_not_answered_is_closed(silent: Silent):
    with pytest.raises(aiomqtt.MqttError):
        await connect(silent.port, 0.01)
    assert await silent.was_left()


async def test_a_connection_that_is_cancelled_while_it_waits_is_closed(silent: Silent):
    connecting = asyncio.create_task(connect(silent.port))
    await asyncio.wait_for(silent.made.acquire(), PATIENCE)
    connecting.cancel()
    await asyncio.wait({connecting})
    assert await silent.was_left()


async def test_a_connection_made_after_the_cancellation_is_closed(
    silent: Silent, monkeypatch: pytest.MonkeyPatch
):
    client = MqttClient(HOST, silent.port)
    begun, go_on = asyncio.Event(), asyncio.Event()
    loop, connect_now = asyncio.get_running_loop(), client._client.connect

    def late(*args) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        connect_now(*args)

    monkeypatch.setattr(client._client, "connect", late)
    connecting = asyncio.create_task(client.__aenter__())
    await begun.wait()
    connecting.cancel()
    await asyncio.wait({connecting})
    go_on.set()
    assert await silent.was_left()


async def test_a_connection_whose_end_is_cancelled_is_closed(silent: Silent):
    client = MqttClient(HOST, silent.port)
    client._connected.set_result(None)
    await client.__aenter__()
    leaving = asyncio.create_task(client.__aexit__(None, None, None))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving})
    assert await silent.was_left()
