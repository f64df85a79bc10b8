"""`machi up`: the whole demo town."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from machi.commands.shared import data_option, epilog, port_option
from machi.language import t

COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green")


@click.command(
    epilog=epilog("machi up", "machi up --portal-port 18080 --data /srv/town"),
    help=t("""Start the demo town: broker, MQTT broker, gauges, lights, alerts, page.

        Everything listens on this machine only. A second start goes on with the same data. Each
        line of the log begins with the name of the process that said it; one that ends is started
        again, later each time it fails quickly. Ctrl-C stops all of them in order.
        """),
)
@port_option("--broker-port", 1026, t("the context broker"))
@port_option("--mqtt-port", 1883, t("the MQTT broker"))
@port_option("--portal-port", 8080, t("the page"))
@port_option("--staff-port", 8081, t("the staff page"))
@click.option(
    "--bookings-port",
    type=click.IntRange(1, 65533),
    default=8082,
    show_default=True,
    help=t("Port of the bookings; the counter and the simulated payments take the next two."),
)
@port_option("--consent-port", 8085, t("the consent centre"))
@click.option(
    "--kijiko-port",
    type=click.IntRange(1, 65534),
    default=8086,
    show_default=True,
    help=t("Port of the town's money for phones; the staff's pages take the next one."),
)
@port_option("--cloud-port", 8088, t("the simulated cloud of a vendor of locks"))
@click.option(
    "--light-port",
    type=click.IntRange(1, 65534),
    default=5568,
    show_default=True,
    help=t("Port of the simulated light; the drill's light takes the next one."),
)
@data_option
@click.option(
    "--devices/--no-devices",
    default=True,
    help=t("With or without simulated gauges and lights."),
)
@click.option(
    "--mqtt/--no-mqtt",
    default=True,
    help=t("With an MQTT broker of its own, or with the one that listens on --mqtt-port."),
)
@click.option(
    "--auth",
    type=click.Choice(["embedded", "off"]),
    default="embedded",
    show_default=True,
    help=t("Who may do what: embedded asks keys and policies, off lets everybody do everything."),
)
def up(
    broker_port: int,
    mqtt_port: int,
    portal_port: int,
    staff_port: int,
    bookings_port: int,
    consent_port: int,
    kijiko_port: int,
    cloud_port: int,
    light_port: int,
    data: Path,
    devices: bool,
    mqtt: bool,
    auth: str,
) -> None:
    """Start the demo town."""
    from machi.settings import TownSettings
    from machi.supervisor import Supervisor

    settings = TownSettings(
        broker_port,
        mqtt_port,
        portal_port,
        light_port,
        data,
        devices,
        staff_port,
        mqtt,
        auth,
        bookings_port,
        consent_port,
        kijiko_port,
        cloud_port,
    )
    asyncio.run(Supervisor(settings, printer()).run())


def printer() -> Callable[[str, str], None]:
    """Return what prints a line of a process: the time, its name in its colour, what it says."""
    known: dict[str, str] = {}

    def say(name: str, text: str) -> None:
        colour = known.setdefault(name, COLOURS[len(known) % len(COLOURS)])
        now = click.style(f"{datetime.now(UTC).astimezone():%H:%M:%S}", dim=True)
        click.echo(f"{now} {click.style(f'{name:<8}| ', fg=colour)}{text}")

    return say
