"""One WebSocket: several named streams on one connection, begun and ended by messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import aclosing, suppress
from typing import Any, Final, TypeAlias

import orjson

from broker.api import listening, params
from broker.api.asked import Asked
from broker.api.broker import Broker
from broker.errors import BadRequestData, InvalidRequest, MachiError, TooManyStreams
from broker.guard import Action
from broker.jsonld.context import Context
from broker.subscriptions.live import Lens, Told
from broker.subscriptions.live.tickets import Holder

Message: TypeAlias = MutableMapping[str, Any]

MAX_MESSAGE: Final = 64 * 1024
MOST_STREAMS: Final = 50
MOST_NAME: Final = 100
PARAMETERS: Final = frozenset(
    (
        *("type", "id", "idPattern", "attrs", "q", "georel", "geometry", "coordinates"),
        *("geoproperty", "scopeQ", "pick", "omit", "datasetId", "lang", "watchedAttributes"),
        *("csf", "expandValues", "jsonKeys", "snapshot", "format", "options", "context"),
    )
)
POLICY, RESTART = 1008, 1012


class Session:
    """Runs the streams of one connection."""

    def __init__(
        self,
        broker: Broker,
        holder: Holder,
        context: Context,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
        abort: Callable[[], None],
    ) -> None:
        """`abort` ends the connection without waiting for the client to read."""
        self._broker = broker
        self._holder = holder
        self._context = context
        self._receive = receive
        self._send = send
        self._abort = abort
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    async def run(self) -> None:
        """Take messages until the client leaves, then end its streams."""
        try:
            while (text := await self._heard()) is not None:
                await self._take(text)
        finally:
            streams = list(self._streams.values())
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)

    async def _heard(self) -> str | bytes | None:
        """Return the next message, None at the end. Who asks for nothing is sent away."""
        try:
            async with asyncio.timeout(None if self._streams else self._broker.settings.patience):
                message = await self._receive()
        except TimeoutError:
            await self._close(POLICY, "No stream was asked for.")
            return None
        if message["type"] != "websocket.receive":
            return None
        text: str | bytes = message.get("text") or message.get("bytes") or ""
        return text

    async def _take(self, text: str | bytes) -> None:
        """Do what a message asks, or say why not."""
        name = ""
        try:
            message = _parsed(text)
            name = _name(message.pop("stream", None))
            operation = message.pop("op", None)
            if operation == "subscribe":
                await self._subscribe(name, message)
            elif operation == "unsubscribe":
                await self._unsubscribe(name)
            else:
                raise BadRequestData(
                    "`op` is neither subscribe nor unsubscribe.",
                    place="message:/op",
                    remedy='Send {"op": "subscribe", "stream": "a", "type": "RiverLevelStation"}.',
                )
        except MachiError as error:
            told = error.problem()
            told["place"] = told["place"].replace("query:", "message:/")
            await self._say(Told("error", None, told), name)

    async def _subscribe(self, name: str, message: dict[str, Any]) -> None:
        broker = self._broker
        if name in self._streams:
            raise BadRequestData(
                f"There is a stream {name!r} already.",
                place="message:/stream",
                remedy="Take another name, or unsubscribe it first.",
            )
        if len(self._streams) >= MOST_STREAMS:
            raise TooManyStreams(
                f"A connection carries {MOST_STREAMS} streams.",
                place="message:/stream",
                remedy="Open another connection, or ask for several types in one stream.",
            )
        last = message.pop("after", None)
        after = listening.place(
            None if last is None else str(last), broker.feed.head, "message:/after"
        )
        asked = Asked({})
        for member, value in message.items():
            asked.take(member, _text(member, value), f"message:/{member}")
        context = self._context
        if asked.get("context"):
            context = await broker.contexts.resolve(
                asked["context"], place="message:/context", tenant=self._holder.tenant
            )
        lens = listening.lens(asked, context)
        snapshot = params.boolean(asked, "snapshot")
        broker.guard.allow(self._holder.caller, self._holder.tenant, Action.READ, None)
        following = self._follow(name, lens, after, snapshot=snapshot, resumed=last is not None)
        self._streams[name] = asyncio.create_task(following)

    async def _follow(
        self, name: str, lens: Lens, after: int, *, snapshot: bool, resumed: bool
    ) -> None:
        """Tell of one stream until it ends."""
        broker = self._broker
        follower, batches = listening.follow(
            broker, self._holder, lens, after, snapshot=snapshot, resumed=resumed
        )
        async with aclosing(batches):
            async for batch in batches:
                if broker.disclosures.pending:
                    await broker.disclosures.settled()
                for told in batch:
                    await self._say(told, name)
                if not batch:
                    place = follower.after
                    await self._say(Told("heartbeat", place, {"seq": place}), name)
        self._streams.pop(name, None)
        if broker.feed.closed:
            await self._close(RESTART, "The broker stops.")

    async def _unsubscribe(self, name: str) -> None:
        stream = self._streams.pop(name, None)
        if stream is None:
            raise BadRequestData(
                f"There is no stream {name!r}.",
                place="message:/stream",
                remedy="Name a stream that was subscribed.",
            )
        stream.cancel()
        with suppress(asyncio.CancelledError):
            await stream
        await self._say(Told("end", None, {"reason": "unsubscribed"}), name)

    async def _say(self, told: Told, name: str) -> None:
        """Send an event; who takes nothing for too long is sent away."""
        if self._closed:
            return
        text = told.message(orjson.dumps(name))
        try:
            async with asyncio.timeout(self._broker.settings.patience):
                await self._send({"type": "websocket.send", "text": text})
        except TimeoutError:
            await self._close(POLICY, "You read too slowly.")

    async def _close(self, code: int, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(self._broker.settings.patience):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except TimeoutError:
            self._abort()


def _parsed(text: str | bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        message = None
    if not isinstance(message, dict):
        raise InvalidRequest(
            "The message is no JSON object.",
            place="message:",
            remedy='Send {"op": "subscribe", "stream": "a", "type": "RiverLevelStation"}.',
        )
    return message


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MOST_NAME:
        raise BadRequestData(
            f"`stream` is no name of 1 to {MOST_NAME} characters.",
            place="message:/stream",
            remedy="Name the stream; its events carry the name.",
        )
    return value


def _text(member: str, value: Any) -> str:
    """Return a member of a message as the parameter of a query it stands for."""
    if member not in PARAMETERS:
        raise InvalidRequest(
            f"A stream has no `{member}`.",
            place=f"message:/{member}",
            remedy="Use after and these: " + ", ".join(sorted(PARAMETERS)) + ".",
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ",".join(value)
    if not isinstance(value, str):
        raise BadRequestData(
            f"`{member}` is no text.",
            place=f"message:/{member}",
            remedy="Send it as it would stand in a query, without percent-encoding.",
        )
    return value
