"""`machi up`: every process of the town under one roof."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

from consent.identity.file import IdentityError
from machi.access import Handed, hand_out, settle
from machi.errors import ChildFailed, DataFaulty
from machi.lock_account import FILE, write_account
from machi.ports import require_free
from machi.process import Child, Role
from machi.seed.lights import light_port
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

HERE_ALONE = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
"""Environment of processes that call nobody but this machine: they trust no authority, and need not
read the certificates of all of them (decision 0397)."""

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

    They start beside the planting, while a processor would be idle.
    """
    where = ("--broker", settings.broker, "--port", str(settings.staff_port))
    doors = ("--adapters", str(settings.data / "adapters"))
    sign_in = ("--sign-in",) if settings.auth == "embedded" else ()
    drill = ("--drill-tenant", DRILL_TENANT)
    roles = [Role("staff", "apps.staff", (*where, *drill, *doors, *sign_in), HERE_ALONE)]
    if settings.auth == "embedded":
        port = ("--port", str(settings.consent_port))
        centre = ("--broker", settings.broker, *port)
        roles.append(Role("consent", "apps.consent", centre, HERE_ALONE))
    return roles


def patient(settings: TownSettings) -> list[Role]:
    """Return the processes that wait by themselves until there is a town.

    They start beside the servers too, and are ready once the town is planted.
    """
    port = ("--host", HOST, "--port", str(settings.portal_port))
    where = ("--broker", settings.broker, "--drill-tenant", DRILL_TENANT)
    return [Role("portal", "apps.portal", (*where, *port), HERE_ALONE)]


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
        roles.append(Role("devices", "machi.devices", (*mqtt, *light, *cloud), HERE_ALONE))
    return roles


def services(settings: TownSettings) -> list[Role]:
    """Return what is started once the river is on the page."""
    return [
        Role("bookings", "machi.bookings", _bookings(settings)),
        Role("kijiko", "machi.kijiko", _kijiko(settings), HERE_ALONE),
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
            # Whatever it failed of, what was started is stopped.
            await asyncio.gather(up, return_exceptions=True)
            await self._bring_down()

    async def _bring_up(self, begun: float) -> None:
        settings = self._settings
        self._say("machi", f"starting the town; its data are in {settings.data.resolve()}")
        handed = await self._hand_out()
        first = await self._started(servers(settings), handed)
        page = await self._started(patient(settings), handed)
        # What plants takes long to load: beside the processes, not before them (decision 0396).
        from machi.planting import planted

        await self._ready(first)
        beside = await self._started(independent(settings), handed)
        done = await planted(settings, None if handed is None else handed.keys["seed"])
        self._say("machi", f"{done.created} entities planted, {done.present} were there")
        if settings.devices:
            self._write_account()
        await self._ready([*page, *await self._started(workers(settings), handed)])
        await self._ready([*beside, *await self._started(services(settings), handed)])
        took = time.monotonic() - begun
        people = await self._settle()
        for line in welcome(settings, handed, people, took):
            self._say("machi", line)

    def _write_account(self) -> None:
        settings = self._settings
        try:
            write_account(settings.data, settings.cloud_port)
        except OSError as error:
            raise DataFaulty(
                f"The account at the simulated cloud of locks cannot be written ({error}): "
                "make room there, and let this user write in the folder."
            ) from error

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

    async def _started(self, roles: list[Role], handed: Handed | None) -> list[Child]:
        """Start processes, each with the keys it is handed."""
        children = []
        for role in roles:
            child = Child(role if handed is None else handed.to(role), self._say)
            self._children[role.name] = child
            await child.start()
            children.append(child)
        return children

    async def _ready(self, children: list[Child]) -> None:
        """Wait until all are ready; from then on they are kept. Raises ChildFailed."""
        waits = [asyncio.create_task(self._wait(child)) for child in children]
        try:
            await asyncio.gather(*waits)
        finally:
            for wait in waits:
                wait.cancel()

    async def _wait(self, child: Child) -> None:
        role = child.role
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
