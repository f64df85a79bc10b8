"""aiomqtt's client, without a connection that nobody closes."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import aiomqtt


class MqttClient(aiomqtt.Client):
    """Closes its connection however it is left, and where it is not let in or cancelled meanwhile.

    aiomqtt forgets a connection that the broker does not answer, and one that its thread makes
    after whoever asked for it was cancelled.
    """

    _connecting = False
    _given_up = False

    async def __aenter__(self) -> Self:
        self._given_up = False
        try:
            return await super().__aenter__()
        except BaseException:
            self._given_up = True
            if not self._connecting:
                self._loop.call_soon(self._client._sock_close)
            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(exc_type, exc, tb)
        finally:
            self._client._sock_close()

    def _client_connect(self) -> None:
        """Connect, in a thread; where that is too late, undo it behind what paho told the loop."""
        self._connecting = True
        try:
            super()._client_connect()
        finally:
            self._connecting = False
            if self._given_up:
                self._loop.call_soon_threadsafe(self._client._sock_close)
