"""Raw messages about a person go with the withdrawal, from where adapters keep them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.common.host import Settings, run
from adapters.common.mqtt import MqttSettings
from adapters.common.quarantine import Quarantine
from adapters.contract import Message
from adapters.iot_agent.adapter import build
from adapters.iot_agent.manifest import MANIFEST
from broker.client import Client, key_of, value
from broker.clock import now
from consent.guard import PolicyGuard
from consent.log.file import LogFile
from consent.log.log import DisclosureLog
from consent.log.written import Written
from consent.policies.load import rules
from smart_data_models.offer import offered
from tests.support import free_port
from tests.support.live import live_broker
from tests.support.mqtt import HOST, background, mqtt_broker, publish
from tests.support.patience import PATIENCE
from tests.support.persons import KEY, POLICIES, SHOPS, TAG, Papers, attributes, people
from tests.support.policies import Known
from tests.support.until import until

API_KEY = "4jggokgpepnvsb2uv4s40d59ov"
PEOPLE = ("hana", "taro")
HANA = "urn:ngsi-ld:ConsentRecord:hana-shops"


class Town(Papers):
    """A town where Hana and Taro wear a band each, and agreed to a purpose."""

    def __init__(self, folder: Path, url: str, stack: AsyncExitStack) -> None:
        super().__init__(now)
        self.state = folder / "state"
        self.mqtt_port = free_port()
        self._url = url
        self._stack = stack
        self._clients: dict[str, Client] = {}

    async def as_(self, key: str) -> Client:
        """Return a client with a key."""
        if key not in self._clients:
            client = Client(self._url, key=key)
            self._clients[key] = await self._stack.enter_async_context(client)
        return self._clients[key]

    async def open(self) -> None:
        """Plant the people, their bands and their consents."""
        admin, service = await self.as_("admin"), await self.as_("tags")
        board = await self.as_("account:board")
        await board.create(self.assessment("approved"))
        offer: dict[str, Any] = {"recipients": ["client:shops"], "withdrawalEffect": "stopAndErase"}
        await admin.create(self.purpose(SHOPS, **offer))
        for number, name in enumerate(PEOPLE):
            detection = self.detection(number, name)
            await service.create(detection)
            told = {
                "adapter": "iot_agent",
                "serviceGroup": "care",
                "deviceId": name,
                "ioProtocol": "json",
            }
            band: dict[str, Any] = {
                name: {"type": "Property", "value": one} for name, one in told.items()
            }
            band["controlledAsset"] = {"type": "Relationship", "object": detection["id"]}
            band["attributeMap"] = {
                "type": "JsonProperty",
                "json": {"r": {"name": "rssi", "type": "number"}},
            }
            await service.create({"id": self.band(name), "type": "Device", **band})
            await (await self.as_(f"account:{name}")).create(self.consent(name, SHOPS))

    def band(self, name: str) -> str:
        """Return the id of somebody's band."""
        return f"urn:ngsi-ld:Device:{name}"

    async def send(self, name: str, text: str) -> None:
        """Let somebody's band send what nobody can read."""
        message = Message(f"/json/{API_KEY}/{name}/attrs", text.encode())
        await publish(self.mqtt_port, message)

    async def withdraw(self) -> None:
        """Let Hana take her consent back."""
        end = attributes(state="withdrawn", withdrawnAt=self.now())
        await (await self.as_("account:hana")).append(HANA, end)

    async def done(self) -> bool:
        """Tell whether Hana's withdrawal is done."""
        consent = await (await self.as_("account:hana")).retrieve(HANA)
        return value(consent, "effectDoneAt") is not None

    async def held(self, text: str) -> None:
        """Wait until a message with this text is held."""

        async def there() -> bool:
            return any(text.encode() in payload for payload in await self.payloads())

        await until(there)

    async def payloads(self) -> list[bytes]:
        """Return what is held."""
        quarantine = Quarantine(self.state / "iot_agent" / "quarantine")
        try:
            found = [await quarantine.get(one.id) for one in await quarantine.list()]
        finally:
            quarantine.close()
        return [one[1] for one in found if one is not None]

    def left(self) -> bytes:
        """Return the bytes of all files of the adapter."""
        found = b""
        for path in self.state.rglob("*"):
            if path.is_file():
                with suppress(FileNotFoundError):
                    found += path.read_bytes()
        return found

    @asynccontextmanager
    async def adapter(self) -> AsyncIterator[None]:
        """Run the adapter of the bands."""
        config = self.state.with_name("groups.json")
        config.write_bytes(orjson.dumps({"groups": [{"name": "care", "apiKey": API_KEY}]}))
        config.chmod(0o600)
        ready = asyncio.Event()
        settings = Settings(
            self._url,
            self.state,
            mqtt=MqttSettings(HOST, self.mqtt_port),
            http_port=free_port(),
            config=config,
        )
        async with background(run(MANIFEST, build, settings, ready=ready.set)):
            await asyncio.wait_for(ready.wait(), PATIENCE)
            yield


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Town]:
    """Run the town's broker and its MQTT broker."""
    guard = PolicyGuard(Known(*people()), rules(POLICIES, str), now)
    written = Written(guard, DisclosureLog(LogFile(folder), KEY, now))
    models = offered(everywhere=True)
    async with (
        live_broker(folder / "data", guard=guard, models=models, disclosures=written) as url,
        AsyncExitStack() as stack,
    ):
        made = Town(folder, url, stack)
        await stack.enter_async_context(mqtt_broker("mosquitto", made.mqtt_port, folder))
        await made.open()
        yield made


@pytest.fixture(autouse=True)
def _key_of_the_adapter(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MACHI_KEY_IOT_AGENT", "tags")
    assert key_of("iot_agent") == "tags"


async def test_held_messages_of_the_persons_device_are_erased_and_no_new_ones_are_held(
    tmp_path: Path,
):
    async with running(tmp_path) as town, town.adapter():
        for name in PEOPLE:
            await town.send(name, f"{{of {name}")
            await town.held(f"of {name}")
        await town.withdraw()
        await until(town.done)
        assert b"of hana" not in town.left()
        assert b"of taro" in town.left()
        await town.send("hana", "{later of hana")
        await town.send("taro", "{later of taro")
        await town.held("later of taro")
        assert not [one for one in await town.payloads() if b"hana" in one]


async def test_withdrawal_is_done_only_when_the_adapter_has_answered(tmp_path: Path):
    async with running(tmp_path) as town:
        async with town.adapter():
            await town.send("hana", "{of hana")
            await town.held("of hana")
        await town.withdraw()
        service = await town.as_("tags")

        async def gone() -> bool:
            return not await service.query(type=TAG, id="urn:ngsi-ld:TagDetection:0")

        await until(gone)
        assert b"of hana" in town.left()
        assert not await town.done()
        async with town.adapter():
            await until(town.done)
        assert b"of hana" not in town.left()
