"""https and mqtts: the certificate must be the receiver's, though an address is connected to."""

import asyncio
import contextlib
import gc
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.egress import Egress
from broker.subscriptions.delivery import http as http_sender
from broker.subscriptions.delivery.http import HttpSender
from broker.subscriptions.delivery.message import Message
from broker.subscriptions.delivery.mqtt import MqttSender
from broker.subscriptions.delivery.policy import Fate, Tried
from broker.subscriptions.delivery.quality import Quality
from broker.subscriptions.delivery.resolve import Resolver
from broker.subscriptions.endpoint import parse_endpoint
from tests.support import free_port, require_tool
from tests.support.patience import PATIENCE
from tests.support.receivers import HOST, mosquitto

NOWHERE = "127.0.0.2"
MESSAGE = Message(b"{}", (("Content-Type", "application/json"),))


def sockets() -> set[str]:
    """Return what names the sockets this process has open."""
    named = set()
    for file in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            named.add(str(file.readlink()))
    return {name for name in named if name.startswith("socket:")}


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a certificate for `localhost` that this process trusts; return its folder."""
    command = [
        require_tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem",
    ]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    return tmp_path


@contextlib.asynccontextmanager
async def https_server(keys: Path) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await reader.read()
        writer.transport.abort()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(keys / "cert.pem", keys / "key.pem")
    server = await asyncio.start_server(serve, HOST, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0)


@pytest.mark.parametrize(("name", "trusted"), [("localhost", True), (HOST, False)])
async def test_https_wants_the_receivers_own_certificate(
    keys: Path, name: str, trusted: bool
) -> None:
    http = HttpSender(Resolver(Egress(local=True)))
    async with https_server(keys) as port:
        address = parse_endpoint(f"https://{name}:{port}/")
        tried = await http.send(address, MESSAGE, attempt=1, timeout=PATIENCE)
        await http.close()
    if trusted:
        assert tried == Tried(Fate.DELIVERED)
    else:
        assert tried.fate is Fate.NO_ANSWER
        assert "TLS" in tried.words


async def test_address_that_says_nothing_keeps_nobody_from_the_next(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[str] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(NOWHERE)
        with contextlib.suppress(OSError):
            await reader.read()
        writer.transport.abort()

    def two(*args: object, **options: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (address, 0)) for address in (NOWHERE, HOST)]

    http = HttpSender(Resolver(Egress(local=True), two))
    async with https_server(keys) as port, await asyncio.start_server(silent, NOWHERE, port):
        address = parse_endpoint(f"https://localhost:{port}/")
        for attempt, patience in ((1, 0.1), (2, PATIENCE)):
            monkeypatch.setattr(http_sender, "ELSEWHERE", patience)
            tried = await http.send(address, MESSAGE, attempt=attempt, timeout=PATIENCE)
            assert tried == Tried(Fate.DELIVERED)
            http.tidy(float("inf"))
        await http.close()
    assert met == [NOWHERE]


@pytest.mark.parametrize(("name", "trusted"), [("localhost", True), (HOST, False)])
async def test_mqtts_wants_the_brokers_own_certificate(
    keys: Path, name: str, trusted: bool
) -> None:
    port = free_port()
    settings = (
        "allow_anonymous true", f"certfile {keys / 'cert.pem'}", f"keyfile {keys / 'key.pem'}",
    )  # fmt: skip
    mqtt = MqttSender(Resolver(Egress(local=True)))
    async with mosquitto(port, keys, *settings):
        address = parse_endpoint(f"mqtts://{name}:{port}/t")
        gc.collect()
        before = sockets()
        tried = await mqtt.send(address, MESSAGE, Quality(qos=1), attempt=1, timeout=PATIENCE)
        await mqtt.close()
        assert sockets() <= before
    assert tried.fate is (Fate.DELIVERED if trusted else Fate.NO_ANSWER)
