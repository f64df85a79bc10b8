"""The commands of compose.yaml, run as processes with the environment it gives them."""

import asyncio
import contextlib
import getpass
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from machi.deploying import Secrets
from tests.deploy.composed import OWN, ROOT, secret_files
from tests.support.mongodb import database_name, kept_apart
from tests.support.mqtt import listening
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.server import HOST, Server
from tests.support.tools import require_tool

BROKER_2 = 2026
"""In its own container it is 1026 as well."""
PAGES = {
    "broker-1": 1026,
    "broker-2": BROKER_2,
    "portal": 8080,
    "staff": 8081,
    "bookings": 8082,
    "consent": 8085,
    "kijiko": 8086,
}
ALL = 4 * PATIENCE
"""Seconds for what a whole town does at once."""
INNER = (1026, BROKER_2, 8080, 8081, 8082, 8083, 8084, 8085, 8086, 8087, 8883)


class Here:
    """Puts folders and ports of this machine in the place of those of containers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {number: free_port() for number in INNER}

    def __call__(self, text: str) -> str:
        for name, file in secret_files().items():
            text = re.sub(rf"/run/secrets/{name}\b", str(self.folder / "secrets" / file), text)
        for place in ("town", "broker", "broker-2"):
            text = re.sub(rf"(?<![\w/])/{place}/", f"{self.folder / place}/", text)
        text = text.replace("=mosquitto", "=localhost").replace("0.0.0.0", HOST)
        return re.sub(r"\b\d{4}\b", lambda m: str(self.ports.get(int(m[0]), m[0])), text)


@contextlib.contextmanager
def town_mosquitto(here: Here) -> Iterator[None]:
    """Run Mosquitto with the town's configuration."""
    text = here((ROOT / "deploy" / "mosquitto.conf").read_text())
    kept = here.folder / "mosquitto"
    kept.mkdir()
    text = text.replace("/mosquitto/config/", f"{ROOT / 'deploy'}/")
    text = text.replace("/mosquitto/data/", f"{kept}/") + f"user {getpass.getuser()}\n"
    config = kept / "mosquitto.conf"
    config.write_text(text)
    with (kept / "log").open("wb") as log:
        command = [require_tool("mosquitto"), "-c", str(config)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        asyncio.run(asyncio.wait_for(listening(here.ports[8883]), PATIENCE))
        yield
    finally:
        process.terminate()
        process.wait()


class Service(Server):
    """A service of compose.yaml as a process."""

    def __init__(self, name: str, here: Here) -> None:
        service = OWN[name]
        module, *arguments = service["command"]
        port = here.ports[PAGES[name]] if name in PAGES else 0
        if name == "broker-2":
            arguments = [each.replace("1026", str(BROKER_2)) for each in arguments]
            arguments = [each.replace("=/broker/", "=/broker-2/") for each in arguments]
        command = [sys.executable, "-m", module, *map(here, arguments)]
        super().__init__(command, port, here.folder / f"{name}.log", "/health")
        given = service.get("environment", {})
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MACHI_")}
        self.environment = {**clean, **{key: here(value) for key, value in given.items()}}

    def spawn(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )


async def said(service: Service, words: str) -> None:
    """Wait until a process has said something."""

    async def seen() -> None:
        while words not in service.log.read_text():
            assert service.alive, service.log.read_text()
            await asyncio.sleep(0.05)

    await asyncio.wait_for(seen(), ALL)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    """Make the secrets, and run the servers that are not Machi's."""
    found = Here(tmp_path)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    Secrets(secrets, "town.example").all(tmp_path / "town" / "data")
    with kept_apart(tmp_path) as url, town_mosquitto(found):
        (secrets / "mongo.url").unlink()
        (secrets / "mongo.url").write_text(url + database_name())
        yield found


@pytest.mark.timeout(10 * ALL)
def test_every_process_of_the_town_comes_up(here: Here) -> None:
    with contextlib.ExitStack() as stack:
        running = {name: Service(name, here) for name in OWN}
        broker = running["broker-1"]
        stack.callback(broker.kill)
        broker.start(ALL)
        for service in [each for each in running.values() if each is not broker]:
            stack.callback(service.kill)
            service.spawn()
        for name in PAGES:
            running[name].wait_ready(ALL)
        asyncio.run(said(running["adapters"], "ready"))
        assert [name for name, service in running.items() if not service.alive] == []
