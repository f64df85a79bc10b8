"""The command `machi`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

import click

from machi.errors import DataFaulty, MachiCommandError, PortBusy

Command = TypeVar("Command", bound=Callable[..., Any])

JST = timezone(timedelta(hours=9))
EXIT_CODES = """
\b
Exit codes:
  0  done, or stopped on request
  1  failed; the message says why
  2  wrong usage
  3  a port is busy
  4  a running town is needed and gives no answer
  5  a process of the town does not come up
  6  data or a backup are faulty, in use, missing or in the way
"""


class Group(click.Group):
    """Ends commands with the message, remedy and exit code of our own errors."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MachiCommandError as error:
            click.echo(f"machi: {error}", err=True)
            if error.remedy:
                click.echo(f"       {error.remedy}", err=True)
            sys.exit(error.exit_code)


data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    envvar="MACHI_DATA",
    show_envvar=True,
    help="Folder of the town's data; made where it is missing.",
)


def port_option(name: str, default: int, what: str) -> Callable[[Command], Command]:
    """Return a click option for a TCP port."""
    return click.option(
        name,
        type=click.IntRange(1, 65535),
        default=default,
        show_default=True,
        help=f"Port of {what}.",
    )


@click.group(cls=Group, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="machi")
def main() -> None:
    """Machi (町): an open city OS.

    \b
    Examples:
      machi up                                  the whole demo town, page on http://localhost:8080
      machi replay kuma-2020 --speed 600        play a flood into the running town, as a drill
      machi broker --data DIR                   only the NGSI-LD context broker, on port 1026
      machi backup data backup.machi            copy the data of a running or stopped broker
    """


@main.command(epilog=EXIT_CODES)
@port_option("--broker-port", 1026, "the context broker")
@port_option("--mqtt-port", 1883, "the MQTT broker")
@port_option("--portal-port", 8080, "the page")
@click.option(
    "--light-port",
    type=click.IntRange(1, 65534),
    default=5568,
    show_default=True,
    help="Port of the simulated light; the drill's light takes the next one.",
)
@data_option
@click.option(
    "--devices/--no-devices", default=True, help="With or without simulated gauges and lights."
)
def up(
    broker_port: int, mqtt_port: int, portal_port: int, light_port: int, data: Path, devices: bool
) -> None:
    """Start the demo town: broker, MQTT broker, gauges, lights, alerts, page.

    Everything listens on this machine only. A second start goes on with the same data.

    \b
    Examples:
      machi up
      machi up --portal-port 18080 --data /srv/town
    """
    from machi.supervisor import Supervisor, TownSettings

    settings = TownSettings(broker_port, mqtt_port, portal_port, light_port, data, devices)
    asyncio.run(Supervisor(settings, _printer()).run())


@main.command(epilog=EXIT_CODES)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@port_option("--port", 1026, "the API")
@data_option
@click.option("--auth", type=click.Choice(["off"]), default="off", show_default=True)
@click.option(
    "--allow-egress",
    multiple=True,
    metavar="CIDR",
    callback=lambda ctx, option, given: _networks(given),
    help="Network that contexts may be fetched from although it is private; repeatable.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="Further name that requests may carry as Host header; repeatable.",
)
@click.option(
    "--allow-origin",
    multiple=True,
    metavar="ORIGIN",
    help="Web page, such as https://town.example, that may call the API from a browser; "
    "repeatable.",
)
@click.option(
    "--public-url",
    default="",
    metavar="URL",
    help="Address at which clients reach the broker, where a proxy stands before it.",
)
@click.option(
    "--no-delivery",
    is_flag=True,
    help="Queue notifications and send none, as on a copy of a town that is only looked at.",
)
def broker(
    host: str,
    port: int,
    data: Path,
    auth: str,
    allow_egress: tuple[str, ...],
    allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...],
    public_url: str,
    no_delivery: bool,
) -> None:
    """Run the NGSI-LD context broker alone.

    \b
    Examples:
      machi broker
      machi broker --host 0.0.0.0 --port 9090 --data /srv/broker --allow-egress 10.1.0.0/16
    """
    from broker.main import CannotListen, serve
    from broker.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    settings = Settings(
        host=host,
        port=port,
        data=data,
        auth=auth,
        allow_egress=allow_egress,
        allow_hosts=allow_host,
        allow_origins=allow_origin,
        public_url=public_url,
        deliver=not no_delivery,
    )
    try:
        with _data_errors():
            serve(settings)
    except CannotListen as error:
        raise PortBusy(str(error), remedy="See machi broker --help for the options.") from error


@main.command("replay", epilog=EXIT_CODES)
@click.argument("scenario", type=click.Choice(["kuma-2020"]))
@click.option(
    "--speed",
    type=click.FloatRange(min=0.1, max=100_000),
    default=60.0,
    show_default=True,
    help="How many times faster than the flood itself.",
)
@click.option("--from", "start", metavar="HH:MM", help="Time on 4 July 2020 (Japan) to start at.")
@click.option("--until", metavar="HH:MM", help="Time on 4 July 2020 (Japan) to end at.")
@click.option("--broker", "url", default="http://127.0.0.1:1026", show_default=True)
@click.option("--mqtt-host", default="127.0.0.1", show_default=True)
@port_option("--mqtt-port", 1883, "the MQTT broker")
def replay_command(
    scenario: str,
    speed: float,
    start: str | None,
    until: str | None,
    url: str,
    mqtt_host: str,
    mqtt_port: int,
) -> None:
    """Play the Kuma River flood of 4 July 2020 into the running town, as a drill.

    The published levels go out as LoRaWAN uplinks over MQTT, with the times of 2020; the gauge
    adapter, the alerts app and the page do the rest. Everything is marked 【訓練】 and stays in
    the drill tenant, which is set back to its beginning first. Levels between published points
    are interpolated, those before the first one assumed; both are marked.

    \b
    Examples:
      machi replay kuma-2020 --speed 600                the whole night in under a minute
      machi replay kuma-2020 --speed 60 --from 05:30    design high water is reached at 05:50
    """
    from machi.flood import flood_samples
    from machi.replay import replay
    from machi.seed.town import DRILL_TENANT, facts

    flood = facts(scenario)
    begin = _time_of(flood, start, "from")
    end = _time_of(flood, until, "until")
    samples = flood_samples(flood, begin, end)
    if not samples:
        raise click.UsageError(
            "No level is known in this span; the flood runs from 01:00 to 09:00."
        )
    click.echo(
        f"【訓練】 The flood of 4 July 2020, {begin:%H:%M} to {end:%H:%M}, at {speed:g} times its "
        f"speed: {len(samples)} levels in {(samples[-1].at - begin).total_seconds() / speed:.0f} s"
    )
    asyncio.run(
        replay(
            samples,
            speed=speed,
            broker=url,
            mqtt_host=mqtt_host,
            mqtt_port=mqtt_port,
            tenant=DRILL_TENANT,
            say=click.echo,
        )
    )
    click.echo("【訓練】 The drill is over; the page shows the real river again.")


@main.command(epilog=EXIT_CODES)
@data_option
def check(data: Path) -> None:
    """Check that the data in a folder are whole: file, indexes, change feed.

    \b
    Example:
      machi check --data data
    """
    from broker.store.sqlite.maintenance import check as check_data

    with _data_errors():
        faults = check_data(data)
    for fault in faults:
        click.echo(fault)
    if faults:
        raise DataFaulty(
            f"{len(faults)} faults found in {data}.",
            remedy="Restore a backup: machi restore BACKUP --data DIR",
        )
    click.echo(f"{data} is whole")


@main.command(epilog=EXIT_CODES)
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def backup(source: Path, target: Path) -> None:
    """Copy the data folder SOURCE of a running or stopped broker to the file TARGET.

    \b
    Example:
      machi backup data town-2026-07-04.machi
    """
    from broker.store.sqlite.maintenance import backup as backup_data

    def progress(done: int, pages: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{done} of {pages} pages", err=True, nl=done == pages)

    with _data_errors():
        backup_data(source, target, progress)
    click.echo(f"{source} is copied to {target}")


@main.command(epilog=EXIT_CODES)
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@data_option
@click.option("--force", is_flag=True, help="Replace data that are there.")
def restore(source: Path, data: Path, force: bool) -> None:
    """Put the backup file SOURCE in place as a data folder. The broker must be stopped.

    \b
    Example:
      machi restore town-2026-07-04.machi --data data --force
    """
    from broker.store.sqlite.maintenance import restore as restore_data

    with _data_errors():
        restore_data(source, data, force=force)
    click.echo(f"{source} is restored to {data}")


@contextlib.contextmanager
def _data_errors() -> Iterator[None]:
    """Turn what is wrong with a data folder into the command's own error."""
    from broker.store.sqlite.errors import DataFolderError

    try:
        yield
    except DataFolderError as error:
        raise DataFaulty(str(error)) from error


def _networks(given: tuple[str, ...]) -> tuple[str, ...]:
    for text in given:
        try:
            ip_network(text)
        except ValueError as error:
            raise click.BadParameter(f"{error}; give a network such as 10.1.0.0/16") from error
    return given


def _time_of(flood: dict[str, Any], text: str | None, edge: str) -> datetime:
    default = datetime.fromisoformat(flood[edge])
    if text is None:
        return default
    try:
        clock = datetime.strptime(text, "%H:%M").replace(tzinfo=JST)
    except ValueError as error:
        raise click.UsageError(f"--{edge} takes a time such as 05:30, not {text!r}.") from error
    return default.replace(hour=clock.hour, minute=clock.minute)


def _printer() -> Callable[[str, str], None]:
    colours = ["cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green"]
    known: dict[str, str] = {}

    def say(name: str, text: str) -> None:
        colour = known.setdefault(name, colours[len(known) % len(colours)])
        click.echo(click.style(f"{name:<8}| ", fg=colour) + text)

    return say
