"""`machi replay`: a real flood, played into the running town as a drill."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from machi.commands.shared import epilog, port_option
from machi.language import t

JST = timezone(timedelta(hours=9))


@click.command(
    "replay",
    epilog=epilog(
        "machi replay kuma-2020 --speed 600",
        "machi replay kuma-2020 --speed 60 --from 05:30     # 05:50 計画高水位",
    ),
    help=t("""Play the Kuma River flood of 4 July 2020 into the running town, as a drill.

        The published levels go out as LoRaWAN uplinks over MQTT, with the times of 2020; the
        gauge adapter, the alerts app and the page do the rest. Everything is marked 【訓練】 and
        stays in the drill tenant, which is set back to its beginning first. Levels between
        published points are interpolated, those before the first one assumed; both are marked.
        """),
)
@click.argument("scenario", type=click.Choice(["kuma-2020"]))
@click.option(
    "--speed",
    type=click.FloatRange(min=0.1, max=100_000),
    default=60.0,
    show_default=True,
    help=t("How many times faster than the flood itself."),
)
@click.option(
    "--from",
    "start",
    metavar="HH:MM",
    help=t("Time on 4 July 2020 (Japan) to start at."),
)
@click.option(
    "--until",
    metavar="HH:MM",
    help=t("Time on 4 July 2020 (Japan) to end at."),
)
@click.option("--broker", "url", default="http://127.0.0.1:1026", show_default=True)
@click.option("--mqtt-host", default="127.0.0.1", show_default=True)
@port_option("--mqtt-port", 1883, t("the MQTT broker"))
def replay_command(
    scenario: str,
    speed: float,
    start: str | None,
    until: str | None,
    url: str,
    mqtt_host: str,
    mqtt_port: int,
) -> None:
    """Play a flood."""
    from machi.flood import flood_samples
    from machi.replay import replay
    from machi.seed.parts import facts
    from machi.seed.town import DRILL_TENANT

    flood = facts(scenario)
    begin = _time_of(flood, start, "from")
    end = _time_of(flood, until, "until")
    samples = flood_samples(flood, begin, end)
    if not samples:
        raise click.UsageError(
            t("No level is known in this span; the flood runs from 01:00 to 09:00.")
        )
    seconds = (samples[-1].at - begin).total_seconds() / speed
    click.echo(
        t(
            "【訓練】 The flood of 4 July 2020, {begin:%H:%M} to {end:%H:%M}, at {speed:g} "
            "times its speed: {samples} levels in {seconds:.0f} s",
            begin=begin,
            end=end,
            speed=speed,
            samples=len(samples),
            seconds=seconds,
        )
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
    click.echo(t("【訓練】 The drill is over; the page shows the real river again."))


def _time_of(flood: dict[str, Any], text: str | None, edge: str) -> datetime:
    default = datetime.fromisoformat(flood[edge])
    if text is None:
        return default
    try:
        clock = datetime.strptime(text, "%H:%M").replace(tzinfo=JST)
    except ValueError as error:
        raise click.UsageError(
            t("--{edge} takes a time such as 05:30, not {text!r}.", edge=edge, text=text)
        ) from error
    return default.replace(hour=clock.hour, minute=clock.minute)
