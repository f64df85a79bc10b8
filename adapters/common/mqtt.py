"""One lasting MQTT connection: what arrives is kept before it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from adapters.common.mqtt_client import MqttClient
from adapters.contract import CommandFailed, Health, Message

log = logging.getLogger("adapters")

LONGEST_PAUSE: Final = 10.0
BATCH: Final = 200
SESSION_SECONDS: Final = 7 * 86_400
"""How long the MQTT broker keeps messages for an adapter that is away (MQTT 5)."""
PROBE: Final = 3.0
OTHER_VERSION: Final = frozenset({1, 130, 132})
"""CONNACK: unacceptable protocol version (3.1.1), protocol error, unsupported version (5)."""


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where the MQTT broker is and how to come in. The password is read from a file.

    `old` says that it is known to speak 3.1.1 only, so that nobody need ask.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    user: str | None = None
    password_file: Path | None = None
    tls: bool = False
    old: bool = False

    def connection(self) -> dict[str, object]:
        """Return the settings as the MQTT client takes them."""
        password = self.password_file.read_text().strip() if self.password_file else None
        return {
            "hostname": self.host,
            "port": self.port,
            "username": self.user,
            "password": password,
            "tls_context": ssl.create_default_context() if self.tls else None,
        }


class MqttLink:
    """A connection that is taken up again for ever, with a session that outlives it.

    Speaks MQTT 5; where that is refused it falls back once to 3.1.1 and says why (`health.wire`).
    Messages of quality of service 1 are acknowledged after `take` has returned, so a message is
    either safe with us or still with the MQTT broker.
    """

    def __init__(
        self,
        settings: MqttSettings,
        name: str,
        topics: Sequence[str],
        take: Callable[[Sequence[Message]], Awaitable[None]],
        health: Health,
        *,
        ready: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._name = name
        self._topics = topics
        self._take = take
        self._health = health
        self._ready = ready
        self._sleep = sleep
        self._agreed = aiomqtt.ProtocolVersion.V311 if settings.old else None
        self._version: aiomqtt.ProtocolVersion | None = self._agreed
        self._why = ""
        self._client: aiomqtt.Client | None = None

    async def run(self) -> None:
        """Follow the topics until cancelled."""
        failures = 0
        while True:
            came_in = False
            try:
                if self._version is None:
                    self._version = await self._agree()
                async with self._open(self._version) as client:
                    failures, came_in = 0, True
                    await self._follow(client)
            except aiomqtt.MqttError as error:
                failures += 1
                self._version = self._version if came_in else self._agreed
                pause = min(LONGEST_PAUSE, 0.25 * 2 ** min(failures, 8))
                pause *= 0.5 + random.random() / 2
                where = f"{self._settings.host}:{self._settings.port}"
                log.warning("MQTT at %s is away (%s); next try in %.1f s", where, error, pause)
                await self._sleep(pause)
            finally:
                self._client = None
                self._health.connected = False

    async def publish(self, topic: str, payload: bytes) -> None:
        """Send a message, and return when the MQTT broker has it. Raises CommandFailed."""
        if self._client is None:
            raise CommandFailed("the MQTT broker is away")
        try:
            await self._client.publish(topic, payload, qos=1)
        except aiomqtt.MqttError as error:
            raise CommandFailed(f"the MQTT broker did not take it: {error}") from error

    async def _agree(self) -> aiomqtt.ProtocolVersion:
        """Ask with a bare connection of version 5 whether the MQTT broker speaks it.

        A broker of 3.1.1 can stumble over the properties of a full one and say nothing at all.
        """
        bare = MqttClient(
            identifier=f"machi-{self._name}-probe",
            protocol=aiomqtt.ProtocolVersion.V5,
            timeout=PROBE,
            **self._settings.connection(),  # type: ignore[arg-type]
        )
        try:
            async with bare:
                return aiomqtt.ProtocolVersion.V5
        except aiomqtt.MqttError as error:
            if not _other_version(error):
                raise
            self._why = f"; version 5 was refused: {error}"
            log.warning("the MQTT broker refuses version 5 (%s); using 3.1.1", error)
            return aiomqtt.ProtocolVersion.V311

    def _open(self, version: aiomqtt.ProtocolVersion) -> aiomqtt.Client:
        session: dict[str, object] = {"clean_session": False}
        if version is aiomqtt.ProtocolVersion.V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_SECONDS
            session = {"clean_start": False, "properties": properties}
        client = MqttClient(
            identifier=f"machi-{self._name}",
            protocol=version,
            **self._settings.connection(),  # type: ignore[arg-type]
            **session,  # type: ignore[arg-type]
        )
        # aiomqtt has no door to paho's acknowledgement by hand. Set before connecting: messages
        # of an earlier session come right behind the answer to CONNECT.
        client._client.manual_ack_set(True)
        return client

    async def _follow(self, client: aiomqtt.Client) -> None:
        for topic in self._topics:
            await client.subscribe(topic, qos=1)
        self._client = client
        self._health.connected = True
        version = "5" if self._version is aiomqtt.ProtocolVersion.V5 else "3.1.1"
        self._health.wire = f"MQTT {version}{self._why}"
        self._ready()
        async for first in client.messages:
            batch = [first]
            while len(client.messages) and len(batch) < BATCH:
                batch.append(await anext(client.messages))
            await self._take([Message(str(m.topic), m.payload) for m in batch])
            for message in batch:
                client._client.ack(message.mid, message.qos)


def _other_version(error: aiomqtt.MqttError) -> bool:
    """Say whether a failure to connect means another version; a broker may just be silent."""
    if isinstance(error, MqttConnectError):
        return getattr(error.rc, "value", error.rc) in OTHER_VERSION
    return str(error) == "Operation timed out"
