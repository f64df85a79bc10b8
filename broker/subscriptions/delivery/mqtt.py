"""Notifications over MQTT 3.1.1 and 5 (§7.2): one connection per broker, account and version."""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import aiomqtt
import orjson

from broker.subscriptions.delivery.message import Message, with_attempt
from broker.subscriptions.delivery.mqtt_client import Client, Closed
from broker.subscriptions.delivery.policy import OUTDATED, Fate, Tried
from broker.subscriptions.delivery.quality import V5, V311, Quality
from broker.subscriptions.delivery.resolve import NoConnection, Resolver
from broker.subscriptions.endpoint import Address

IDLE: Final = 120.0
"""Seconds a connection is kept unused."""

CONNACK = 5.0
"""Seconds a broker has for its answer to CONNECT."""

FRAME: Final = 10
"""Bytes around topic and payload in a packet: head, two lengths, packet id, no properties."""

_PROTOCOLS = {V5: aiomqtt.ProtocolVersion.V5, V311: aiomqtt.ProtocolVersion.V311}
_BAD_VERSION = frozenset((1, 132))
"""CONNACK codes for a version the broker does not speak, of 3.1.1 and of 5."""
_BAD_ACCOUNT = frozenset((4, 5, 134, 135))
_UNACKNOWLEDGED = "The MQTT broker did not acknowledge the message in time."

log = logging.getLogger("machi.broker")
_quiet = logging.getLogger("machi.broker.mqtt")
_quiet.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class _Key:
    host: str
    port: int
    user: str | None
    password: str | None
    secure: bool
    version: str


class _Link:
    """An open connection. `lost` is done once it is not."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.used = asyncio.get_running_loop().time()
        self.lost = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        with suppress(aiomqtt.MqttError):
            async for _ in self.client.messages:
                pass

    async def close(self) -> None:
        self.lost.cancel()
        with suppress(asyncio.CancelledError):
            await self.lost
        with suppress(aiomqtt.MqttError, TimeoutError):
            await asyncio.wait_for(self.client.__aexit__(None, None, None), 2)


class MqttSender:
    """Publishes notifications. Bound to its event loop.

    `notes` has, by origin, what an operator should know although deliveries succeed: a broker
    that refuses version 5 is spoken to in 3.1.1 from then on.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._links: dict[_Key, asyncio.Task[_Link]] = {}
        self._spoken: dict[str, str] = {}
        self.notes: dict[str, str] = {}

    async def send(
        self, address: Address, message: Message, quality: Quality, *, attempt: int, timeout: float
    ) -> Tried:
        """Publish a notification; delivered means acknowledged, for QoS 1 and 2."""
        key = self._key(address, quality)
        payload = envelope(message, attempt)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                link = await self._link(key, address)
                link.used = loop.time()
                if not message.holds():
                    return Tried(Fate.NOT_NOW, OUTDATED)
                if too_long := _too_long(link.client.most_bytes, address.target, payload):
                    return Tried(Fate.REFUSED, too_long)
                return await self._publish(link, address.target, payload, quality.qos)
        except TimeoutError:
            await self._drop(key)
            return Tried(Fate.NO_ANSWER, _UNACKNOWLEDGED)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            # Another try gave up on the connection that this one was waiting for.
            return Tried(Fate.NO_ANSWER, _UNACKNOWLEDGED)
        except NoConnection as error:
            return Tried(error.fate, str(error))
        except aiomqtt.MqttError:
            await self._drop(key)
            return Tried(Fate.NO_ANSWER, "The connection to the MQTT broker was lost.")
        except ValueError as error:
            return Tried(Fate.REFUSED, f"The message cannot be published: {error}.")

    async def close(self) -> None:
        """Close all connections."""
        for key in list(self._links):
            await self._drop(key)

    async def tidy(self, now: float) -> None:
        """Close connections unused for long, and forget those that were lost."""
        for key, opening in list(self._links.items()):
            if _dead(opening) or (opening.done() and now - opening.result().used > IDLE):
                await self._drop(key)

    async def _publish(self, link: _Link, topic: str, payload: bytes, qos: int) -> Tried:
        publishing = asyncio.ensure_future(
            link.client.publish(topic, payload, qos=qos, timeout=float("inf"))
        )
        try:
            await asyncio.wait((publishing, link.lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not publishing.done():
                publishing.cancel()
        if publishing.done() and not publishing.cancelled():
            publishing.result()
            return Tried(Fate.DELIVERED)
        raise aiomqtt.MqttError("lost")

    def _key(self, address: Address, quality: Quality) -> _Key:
        version = self._spoken.get(address.origin, quality.version)
        return _Key(
            address.host, address.port, address.user, address.password, address.secure, version
        )

    async def _link(self, key: _Key, address: Address) -> _Link:
        opening = self._links.get(key)
        if opening is not None and _dead(opening):
            await self._drop(key)
            opening = self._links.get(key)
        if opening is None:
            opening = asyncio.ensure_future(self._open(key, address))
            self._links[key] = opening
            opening.add_done_callback(lambda done: self._opened(key, done))
        return await asyncio.shield(opening)

    def _opened(self, key: _Key, opening: asyncio.Task[_Link]) -> None:
        failed = opening.cancelled() or opening.exception() is not None
        if failed and self._links.get(key) is opening:
            del self._links[key]

    async def _drop(self, key: _Key) -> None:
        opening = self._links.pop(key, None)
        if opening is None:
            return
        if not opening.done():
            opening.cancel()
        elif not opening.cancelled() and opening.exception() is None:
            await opening.result().close()

    async def _open(self, key: _Key, address: Address) -> _Link:
        try:
            return await self._connect(key, address, key.version)
        except aiomqtt.MqttError as error:
            if key.version != V5 or not _refuses_version(error):
                raise _no_connection(error) from None
        try:
            link = await self._connect(key, address, V311)
        except aiomqtt.MqttError as error:
            raise _no_connection(error) from None
        self._spoken[address.origin] = V311
        self.notes[address.origin] = "Speaks MQTT 3.1.1, not 5.0 as asked."
        log.info("%s does not speak MQTT 5.0; 3.1.1 is used", address.origin)
        return link

    async def _connect(self, key: _Key, address: Address, version: str) -> _Link:
        """Connect to the first address of the broker that answers at all."""
        *others, last = await self._resolver.addresses(address)
        for target in others:
            try:
                return await self._connect_to(target, key, address, version)
            except aiomqtt.MqttError as error:
                if _code(error) is not None or isinstance(error, Closed):
                    raise
        return await self._connect_to(last, key, address, version)

    async def _connect_to(self, target: str, key: _Key, address: Address, version: str) -> _Link:
        tls = _checking(address.host) if key.secure else None
        client = Client(
            target,
            key.port,
            username=key.user,
            password=key.password,
            protocol=_PROTOCOLS[version],
            clean_session=True if version == V311 else None,
            tls_context=tls,
            timeout=CONNACK,
            logger=_quiet,
        )
        try:
            await client.__aenter__()
        except BaseException:
            if tls is not None:
                tls.close()
            raise
        return _Link(client)


class _Named(ssl.SSLContext):
    """Checks the certificate against the receiver's name though its address is connected to."""

    name = ""
    made: ssl.SSLSocket | None = None

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        self.made = super().wrap_socket(*args, **{**options, "server_hostname": self.name})
        return self.made

    def close(self) -> None:
        """Close the connection, which paho leaves open where the handshake fails."""
        if self.made is not None:
            self.made.close()


def _checking(name: str) -> _Named:
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    context.name = name
    return context


def envelope(message: Message, attempt: int) -> bytes:
    """Return the MQTT message: the notification, and beside it what HTTP puts in headers."""
    metadata = dict(with_attempt(message, attempt))
    return orjson.dumps({"metadata": metadata, "body": orjson.Fragment(message.body)})


def _too_long(most: int | None, topic: str, payload: bytes) -> str:
    """Say that a broker does not take a message, which would end the connection that all use."""
    size = len(payload) + len(topic.encode()) + FRAME
    if most is None or size <= most:
        return ""
    return f"The notification has {len(payload)} bytes; the MQTT broker takes packets of {most}."


def _dead(opening: asyncio.Task[_Link]) -> bool:
    """Tell whether a connection failed to open, or was lost since."""
    if not opening.done():
        return False
    failed = opening.cancelled() or opening.exception() is not None
    return failed or opening.result().lost.done()


def _refuses_version(error: aiomqtt.MqttError) -> bool:
    """Tell whether a broker does not speak version 5: it says so, or closes (MQTT 5, §3.1.2.2)."""
    return isinstance(error, Closed) or _code(error) in _BAD_VERSION


def _code(error: aiomqtt.MqttError) -> int | None:
    code = getattr(error, "rc", None)
    return getattr(code, "value", code)


def _no_connection(error: aiomqtt.MqttError) -> NoConnection:
    code = _code(error)
    if code in _BAD_ACCOUNT:
        return NoConnection(Fate.NOT_NOW, "The MQTT broker refuses the user name or password.")
    if code is None:
        return NoConnection(Fate.NO_ANSWER, "No connection can be made to the MQTT broker.")
    return NoConnection(Fate.NOT_NOW, f"The MQTT broker refuses the connection (code {code}).")
