"""aiomqtt's client, with what it needs to come and go often beside others in one process."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import aiomqtt


class Closed(aiomqtt.MqttError):
    """The broker took CONNECT, and closed the connection instead of answering."""


class Client(aiomqtt.Client):
    """Notices at once that it is refused by being closed, and leaves nothing behind.

    aiomqtt itself waits for its time-out and then forgets the socket where a connection fails, asks
    the event loop for the number of a socket that may be another's by then, and lets a lost
    connection that nobody waited for be logged as an error.
    """

    most_bytes: int | None = None
    """The longest packet the broker takes, where it says one (MQTT 5, §3.2.2.3.6)."""

    _failed = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._disconnected.add_done_callback(_seen)

    async def __aenter__(self) -> Self:
        try:
            return await super().__aenter__()
        except BaseException:
            self._failed = True
            self._client._sock_close()
            raise

    def _client_connect(self) -> None:
        super()._client_connect()
        if self._failed:
            self._loop.call_soon_threadsafe(self._client._sock_close)

    def _on_connect(self, *args: Any, **options: Any) -> None:
        properties = args[4] if len(args) > 4 else options.get("properties")
        self.most_bytes = getattr(properties, "MaximumPacketSize", None)
        if self._failed:
            self._client._sock_close()
        else:
            super()._on_connect(*args, **options)

    def _on_disconnect(self, *args: Any, **options: Any) -> None:
        if not self._failed and not self._connected.done():
            self._connected.set_exception(Closed("closed"))
        super()._on_disconnect(*args, **options)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        def write() -> None:
            try:
                client.loop_write()
            except Exception as error:
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def register() -> None:
            if sock.fileno() > -1:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(register)


def _seen(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()
