"""`python -m adapters NAME…`: run one or more adapters in one process."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from adapters.catalogue import CATALOGUE
from adapters.common.host import Settings, run
from adapters.common.mqtt import MqttSettings
from adapters.contract import CannotRun

log = logging.getLogger("adapters")


def settings() -> tuple[list[str], Settings]:
    """Return the adapters to run and their settings, from the command line."""
    parser = argparse.ArgumentParser(prog="adapters", description=__doc__)
    parser.add_argument("name", nargs="+", choices=sorted(CATALOGUE))
    parser.add_argument("--broker", default="http://127.0.0.1:1026", help="URL of the broker")
    parser.add_argument(
        "--state", type=Path, default=Path("data/adapters"), help="folder of spool and quarantine"
    )
    parser.add_argument(
        "--tenant", action="append", help="tenant to serve besides the default one; repeatable"
    )
    parser.add_argument("--mqtt-host", default="127.0.0.1")
    parser.add_argument("--mqtt-port", type=int, default=1883)
    parser.add_argument("--mqtt-user")
    parser.add_argument("--mqtt-password-file", type=Path)
    parser.add_argument("--mqtt-tls", action="store_true", help="connect by TLS")
    parser.add_argument(
        "--mqtt-old", action="store_true", help="the MQTT broker speaks 3.1.1 only: do not ask"
    )
    parser.add_argument(
        "--device-network",
        action="append",
        metavar="CIDR",
        help="network of devices that are called; this machine alone where none is given",
    )
    parser.add_argument("--http-host", default="127.0.0.1", help="where devices post to")
    parser.add_argument("--http-port", type=int, default=7896)
    parser.add_argument("--config", type=Path, help="file of the adapter, see docs/adapters.md")
    given = parser.parse_args()
    mqtt = MqttSettings(
        given.mqtt_host,
        given.mqtt_port,
        given.mqtt_user,
        given.mqtt_password_file,
        given.mqtt_tls,
        given.mqtt_old,
    )
    return given.name, Settings(
        broker=given.broker,
        state=given.state,
        tenants=("", *(given.tenant or ())),
        mqtt=mqtt,
        networks=tuple(given.device_network or ()),
        http_host=given.http_host,
        http_port=given.http_port,
        config=given.config,
    )


async def serve(names: list[str], given: Settings) -> None:
    """Run the adapters until the process is told to stop."""
    waiting = set(names)

    def ready(name: str) -> None:
        if name in waiting:
            waiting.discard(name)
            if not waiting:
                log.info("ready: %s", ", ".join(CATALOGUE[n][0].title for n in names))

    def starting(name: str) -> None:
        manifest, build = CATALOGUE[name]
        tasks.create_task(run(manifest, build, given, ready=lambda: ready(name)))

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        for name in names:
            starting(name)
        await stop.wait()
        raise Stopped


class Stopped(Exception):
    """The process was told to stop; ends the adapters in order."""


def main() -> None:
    """Run until stopped. Ends with code 1 and the reason where an adapter cannot run."""
    names, given = settings()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    code = 0
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(serve(names, given))
        except* Stopped:
            pass
        except* CannotRun as faults:
            for fault in _leaves(faults):
                log.error("%s", fault)
            # Raised here, SystemExit comes out in a group of its own on Python before 3.11.3.
            code = 1
    sys.exit(code)


def _leaves(group: BaseExceptionGroup[CannotRun]) -> Iterator[BaseException]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from _leaves(inner)
        else:
            yield inner


if __name__ == "__main__":
    main()
