"""`machi up`: every process of the town under one roof."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable

from broker.client import Client, ClientError
from consent.identity.file import IdentityError
from machi.access import Handed, hand_out, settle
from machi.errors import ChildFailed, DataFaulty
from machi.lock_cloud import FILE, write_account
from machi.ports import require_free
from machi.process import Child, Role
from machi.seed.lights import connect_light, light_port
from machi.seed.plant import plant
from machi.seed.town import DRILL_TENANT
from machi.settings import HOST, TownSettings
from machi.welcome import welcome

START_LIMIT = 60.0
HEALTHY = 60.0
LONGEST_PAUSE = 30.0
ADAPTERS = ("river_gauge", "bridge_light", "zigbee_lock", "key_box", "remotelock")
"""The last one is there with the simulated devices only: its cloud is one of them."""
CHANNELS = "channels.json"
"""File in the data folder that names mail and webhook receivers; without it nothing is sent."""

MAIL = "mail.json"
"""File in the data folder that names the mail server for bookings; without it no mail is sent."""

Say = Callable[[str, str], None]


def servers(settings: TownSettings) -> list[Role]:
    """Return the processes everything else leans on."""
    broker = ("broker", "--host", HOST, "--port", str(settings.broker_port))
    roles = [Role("broker", "machi", (*broker, *_broker_options(settings)))]
    if settings.mqtt:
        roles.append(
            Role("mqtt", "machi.mqtt", ("--host", HOST, "--port", str(settings.mqtt_port)))
        )
    return roles


def _broker_options(settings: TownSettings) -> tuple[str, ...]:
    # Who reaches the broker reaches this machine: receivers on it tell nobody anything new.
    here = ("--allow-egress", "127.0.0.0/8", "--allow-egress", "::1/128")
    return ("--data", str(settings.data), "--auth", settings.auth, "--pinned-context", *here)


def independent(settings: TownSettings) -> list[Role]:
    """Return the processes that ask the broker only when they are asked themselves.

    They start beside the servers, while a processor would be idle.
    """
    where = ("--broker", settings.broker, "--port", str(settings.staff_port))
    doors = ("--adapters", str(settings.data / "adapters"))
    sign_in = ("--sign-in",) if settings.auth == "embedded" else ()
    drill = ("--drill-tenant", DRILL_TENANT)
    roles = [Role("staff", "apps.staff", (*where, *drill, *doors, *sign_in))]
    if settings.auth == "embedded":
        port = ("--port", str(settings.consent_port))
        roles.append(Role("consent", "apps.consent", ("--broker", settings.broker, *port)))
    return roles


def patient(settings: TownSettings) -> list[Role]:
    """Return the processes that wait by themselves until there is a town.

    They start beside the servers too, and are ready once the town is planted.
    """
    port = ("--host", HOST, "--port", str(settings.portal_port))
    where = ("--broker", settings.broker, "--drill-tenant", DRILL_TENANT)
    return [Role("portal", "apps.portal", (*where, *port))]


def workers(settings: TownSettings) -> list[Role]:
    """Return the processes that need the servers and the planted town."""
    broker = ("--broker", settings.broker)
    mqtt = ("--mqtt-host", HOST, "--mqtt-port", str(settings.mqtt_port))
    drill = ("--drill-tenant", DRILL_TENANT)
    state = ("--state", str(settings.data / "adapters"))
    old = ("--mqtt-old",) if settings.mqtt else ()
    adapter = (*broker, *mqtt, *old, *state, "--tenant", DRILL_TENANT)
    account = settings.data / FILE
    names = (*ADAPTERS, "--config", str(account)) if settings.devices else ADAPTERS[:-1]
    roles = [
        Role("adapters", "adapters", (*names, *adapter)),
        Role("alerts", "apps.alerts", (*broker, *drill, *_channels(settings))),
    ]
    if settings.devices:
        light = ("--light-port", str(settings.light_port))
        cloud = ("--cloud", str(account), "--cloud-port", str(settings.cloud_port))
        roles.append(Role("devices", "machi.devices", (*mqtt, *light, *cloud)))
    return roles


def services(settings: TownSettings) -> list[Role]:
    """Return what is started once the river is on the page."""
    return [
        Role("bookings", "machi.bookings", _bookings(settings)),
        Role("kijiko", "machi.kijiko", _kijiko(settings)),
    ]


def _kijiko(settings: TownSettings) -> tuple[str, ...]:
    first = settings.kijiko_port
    return (
        *("--broker", settings.broker, "--data", str(settings.data), "--demo"),
        "--self-declared",
        *("--port", str(first), "--staff-port", str(first + 1)),
        *(
            ("--sign-in", "--consent", f"http://localhost:{settings.consent_port}")
            if settings.auth == "embedded"
            else ()
        ),
    )


def _bookings(settings: TownSettings) -> tuple[str, ...]:
    first = settings.bookings_port
    names = ("--port", "--counter-port", "--pay-port")
    ports = [part for n, name in enumerate(names) for part in (name, str(first + n))]
    mail = settings.data / MAIL
    return (
        *("--broker", settings.broker, "--data", str(settings.data), *ports),
        "--town-money",
        *(("--mail", str(mail)) if mail.exists() else ()),
        *(("--sign-in",) if settings.auth == "embedded" else ()),
    )


def _channels(settings: TownSettings) -> tuple[str, ...]:
    path = settings.data / CHANNELS
    return ("--channels", str(path)) if path.exists() else ()


class Supervisor:
    """Starts the town's processes in order, keeps them running, stops them in reverse."""

    def __init__(self, settings: TownSettings, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._children: dict[str, Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Bring the town up and hold it until SIGINT or SIGTERM.

        Raises PortBusy before anything is started, ChildFailed where a process does not come up.
        """
        settings = self._settings
        require_free(HOST, settings.broker_port, "The broker", "--broker-port")
        if settings.mqtt:
            require_free(HOST, settings.mqtt_port, "The MQTT broker", "--mqtt-port")
        require_free(HOST, settings.portal_port, "The portal", "--portal-port")
        require_free(HOST, settings.staff_port, "The staff page", "--staff-port")
        for port in range(settings.bookings_port, settings.bookings_port + 3):
            require_free(HOST, port, "The bookings app", "--bookings-port")
        for port in range(settings.kijiko_port, settings.kijiko_port + 2):
            require_free(HOST, port, "The Kijiko app", "--kijiko-port")
        if settings.auth == "embedded":
            require_free(HOST, settings.consent_port, "The consent centre", "--consent-port")
        if settings.devices:
            require_free(HOST, settings.cloud_port, "The simulated cloud of locks", "--cloud-port")
            for drill in (False, True):
                port = light_port(settings.light_port, drill=drill)
                require_free(HOST, port, "The simulated light", "--light-port")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        begun = time.monotonic()
        up = asyncio.create_task(self._bring_up(begun))
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({up, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if up.done():
                up.result()
            await stopped
        finally:
            up.cancel()
            stopped.cancel()
            with contextlib.suppress(asyncio.CancelledError, ChildFailed):
                await up
            await self._bring_down()

    async def _bring_up(self, begun: float) -> None:
        settings = self._settings
        self._say("machi", f"starting the town; its data are in {settings.data.resolve()}")
        handed = await self._hand_out()
        waiting = asyncio.create_task(self._start_all(patient(settings), handed))
        try:
            await self._start_all([*servers(settings), *independent(settings)], handed)
            await self._plant(handed)
            if settings.devices:
                write_account(settings.data, settings.cloud_port)
            await asyncio.gather(waiting, self._start_all(workers(settings), handed))
            await self._start_all(services(settings), handed)
        finally:
            waiting.cancel()
        took = time.monotonic() - begun
        people = await self._settle()
        for line in welcome(settings, handed, people, took):
            self._say("machi", line)

    async def _hand_out(self) -> Handed | None:
        """Return the keys of the town's processes, None where nobody needs any."""
        if self._settings.auth == "off":
            return None
        try:
            return await asyncio.to_thread(hand_out, self._settings.data)
        except IdentityError as error:
            raise DataFaulty(str(error)) from error

    async def _settle(self) -> list[tuple[str, str, str]]:
        """Make the demo's accounts: last, since hashing passwords keeps both processors busy."""
        if self._settings.auth == "off":
            return []
        try:
            return await asyncio.to_thread(settle, self._settings.data)
        except IdentityError as error:
            raise DataFaulty(str(error)) from error

    async def _plant(self, handed: Handed | None) -> None:
        settings = self._settings
        key = None if handed is None else handed.keys["seed"]
        try:
            async with (
                Client(settings.broker, name="seed", key=key) as town,
                Client(settings.broker, tenant=DRILL_TENANT, name="seed", key=key) as drill,
            ):
                planted = await plant(town, drill)
                if settings.devices:
                    await connect_light(town, settings.light_port, drill=False)
                    await connect_light(drill, settings.light_port, drill=True)
        except ClientError as error:
            raise ChildFailed(
                f"The broker does not take the town's entities: {error}",
                remedy="The lines above marked `broker` say more.",
            ) from error
        self._say("machi", f"{planted.created} entities planted, {planted.present} were there")

    async def _start_all(self, roles: list[Role], handed: Handed | None) -> None:
        ready = roles if handed is None else [handed.to(role) for role in roles]
        starts = [asyncio.create_task(self._start(role)) for role in ready]
        try:
            await asyncio.gather(*starts)
        finally:
            for start in starts:
                start.cancel()

    async def _start(self, role: Role) -> None:
        child = Child(role, self._say)
        self._children[role.name] = child
        await child.start()
        ended = asyncio.create_task(child.wait())
        ready = asyncio.create_task(child.ready.wait())
        done, _ = await asyncio.wait(
            {ended, ready}, timeout=START_LIMIT, return_when=asyncio.FIRST_COMPLETED
        )
        ready.cancel()
        if ready not in done:
            why = f"ended with code {ended.result()}" if ended in done else "is not ready in time"
            ended.cancel()
            raise ChildFailed(
                f"{role.name} {why}.", remedy=f"Its lines above, marked `{role.name}`, say why."
            )
        self._keepers.append(asyncio.create_task(self._keep(role, ended)))

    async def _keep(self, role: Role, ended: asyncio.Task[int]) -> None:
        """Start a process again whenever it ends, waiting longer after each quick failure."""
        failures, began = 0, time.monotonic()
        while True:
            code = await ended
            failures = 0 if time.monotonic() - began > HEALTHY else failures + 1
            pause = min(LONGEST_PAUSE, 0.5 * 2 ** max(0, failures - 1))
            self._say(role.name, f"ended with code {code}; starting again in {pause:.1f} s")
            await asyncio.sleep(pause)
            began = time.monotonic()
            child = Child(role, self._say)
            self._children[role.name] = child
            await child.start()
            ended = asyncio.create_task(child.wait())

    async def _bring_down(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        if self._children:
            self._say("machi", "stopping the town")
        children = list(self._children.values())
        first = [child for child in children if child.role.name not in ("broker", "mqtt")]
        await asyncio.gather(*(child.stop() for child in first))
        await asyncio.gather(*(child.stop() for child in children))
        if children:
            self._say("machi", "stopped")
