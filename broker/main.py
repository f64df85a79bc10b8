"""One broker process: settings in, an HTTP server until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import resource
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import FrameType

import uvicorn

from broker.accounts import Accounts
from broker.api.app import application, start, wire
from broker.api.broker import Broker
from broker.api.limits import Limits
from broker.api.session import MAX_MESSAGE
from broker.api.websocket import WebSocket
from broker.disclosures import Disclosures
from broker.entities.sweeper import keep_swept
from broker.errors import MachiError
from broker.guard import Guard
from broker.registry.expiry import keep_current
from broker.safe import KeyFile, Safe
from broker.settings import Settings
from broker.store.contract import Store
from broker.store.sqlite import SqliteStore
from broker.temporal.retention import keep_retained
from broker.validation import Models

log = logging.getLogger("machi.broker")

_PRUNE_EVERY = 3600.0
_THREADS = 32
"""Connections to MQTT brokers that are being opened, each in a thread, for up to five seconds."""
_OWN_FILES = 200
"""Files and connections of the broker's own, beside those of its clients."""


class CannotListen(Exception):
    """The broker cannot have the address it was told; the text says why and what to do."""


class Server(uvicorn.Server):
    """Ends live streams as soon as it is told to stop, so that it need not wait for them.

    The chores end before the store is closed.
    """

    def __init__(
        self, config: uvicorn.Config, broker: Broker, chores: Sequence[asyncio.Task[None]]
    ) -> None:
        super().__init__(config)
        self._broker = broker
        self._chores = chores

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._broker.feed.close()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for chore in self._chores:
            chore.cancel()
        await asyncio.wait(self._chores)
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(2048)
    except (OSError, OverflowError) as error:
        sock.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise CannotListen(
                f"Port {port} on {host} is in use. Stop the program that has it, "
                f"or choose another port with --port, for instance --port {port + 1}."
            ) from None
        raise CannotListen(
            f"Cannot listen on {host}, port {port}: {error}. Check --host and --port."
        ) from None
    return sock


async def keep_pruned(
    broker: Broker, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Forget what is older than the feed's retention, once an hour, until cancelled."""
    while True:
        day = datetime.now(UTC) - timedelta(days=broker.settings.feed_days)
        oldest = day.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        try:
            await broker.follower.catch_up()
            forgotten = await broker.store.prune(oldest) if broker.store.leads() else 0
        except MachiError as error:
            log.warning("the feed was not pruned, next try in an hour: %s", error)
        else:
            if forgotten:
                log.info("forgot %d changes older than %s", forgotten, oldest)
        await sleep(_PRUNE_EVERY)


def tune_collector() -> None:
    """Let the cycle collector look rarely: entities are trees, reference counts free them.

    With Python's defaults it takes a third of the time of an update. A batch of 1,000 entities
    holds some 200,000 objects while it is carried out; to look at them ten times takes a sixth of
    its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 5, 20)


def open_files(limits: Limits) -> Limits:
    """Have as many files open as the connections need, or fewer connections if that is refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + _OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return replace(limits, connections=max(1, soft - _OWN_FILES))
    return limits


async def _run(
    settings: Settings,
    models: Models | None,
    guard: Guard | None,
    accounts: Accounts | None,
    disclosures: Disclosures | None,
    sock: socket.socket,
) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    store, safe = _store(settings), Safe(KeyFile(settings.common))
    broker = await start(
        settings,
        store,
        models=models,
        guard=guard,
        accounts=accounts,
        disclosures=disclosures,
        safe=safe,
    )
    config = uvicorn.Config(
        application(broker),
        loop="uvloop",
        http=wire(broker, open_files(Limits())).protocol,  # type: ignore[arg-type]
        ws=WebSocket,
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=5,
    )
    tune_collector()
    chores = [
        asyncio.create_task(keep_pruned(broker)),
        asyncio.create_task(keep_retained(broker.store, broker.policy, broker.clock)),
        asyncio.create_task(keep_swept(broker.store, broker.entities.clock)),
        asyncio.create_task(keep_current(broker.registrations)),
    ]
    log.info(
        "broker ready on http://%s:%d (API page: /docs), data in %s",
        settings.host, settings.port, settings.data,
    )  # fmt: skip
    try:
        await Server(config, broker, chores).serve(sockets=[sock])
    finally:
        for chore in chores:
            chore.cancel()
            with suppress(asyncio.CancelledError):
                await chore


def _store(settings: Settings) -> Store:
    if not settings.store:
        return SqliteStore(settings.data)
    from broker.store.mongodb.store import MongoStore

    return MongoStore(settings.store)


def _allow_files() -> None:
    """Take as many open files as the system gives: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def serve(
    settings: Settings,
    models: Models | None = None,
    guard: Guard | None = None,
    accounts: Accounts | None = None,
    disclosures: Disclosures | None = None,
) -> None:
    """Run a broker until SIGINT or SIGTERM; without `guard` everybody may do everything.

    Raises CannotListen, KeyFaulty, and the store's own errors.
    """
    KeyFile(settings.common).read()
    _allow_files()
    sock = listen(settings.host, settings.port)
    try:
        with asyncio.Runner(loop_factory=_uvloop) as runner:
            runner.run(_run(settings, models, guard, accounts, disclosures, sock))
    finally:
        sock.close()


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
