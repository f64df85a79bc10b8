"""`machi doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import orjson

from machi.api import Api
from machi.commands import subscriptions as listed
from machi.commands.shared import broker_options, data_option, epilog, json_option
from machi.doctor import machine, service
from machi.doctor.finding import Finding, State, note
from machi.doctor.mqtt import mqtt
from machi.errors import MachiCommandError, Unwell
from machi.language import t

SIGNS = {State.OK: ("ok", "green"), State.NOTE: ("--", "yellow"), State.PROBLEM: ("!!", "red")}


@click.command(
    epilog=epilog(
        "machi doctor",
        "machi doctor --data /srv/town --broker http://10.1.2.3:1026",
        "machi doctor --tenant drill --context https://town.example/context.jsonld",
        "machi doctor --json | jq '.[] | select(.state == \"problem\")'",
    ),
    help=t("""Look for the commonest mistakes, and say for each what to do.

        It looks at the data folder, the disk, the clock, the ports, the broker, the MQTT broker,
        the tenant, the @context, names that fell back to the default vocabulary, subscriptions
        whose receivers fail, and dead letters. It changes nothing.
        """),
)
@data_option
@click.option(
    "--mqtt",
    "mqtt_address",
    default="127.0.0.1:1883",
    show_default=True,
    metavar="HOST:PORT",
    help=t("Address of the MQTT broker."),
)
@json_option
@broker_options
def doctor(
    data: Path, mqtt_address: str, as_json: bool, url: str, tenant: str, context: str | None
) -> None:
    """Look for mistakes."""
    host, _, port = mqtt_address.rpartition(":")
    if not host or not port.isdigit():
        raise click.UsageError(t("--mqtt takes HOST:PORT, as 127.0.0.1:1883."))
    found = []
    for finding in examine(data, (host, int(port)), Api(url, tenant, context), context):
        found.append(finding)
        if not as_json:
            tell(finding)
    if as_json:
        told = [
            {"check": one.check, "state": one.state, "text": one.text, "remedy": one.remedy}
            for one in found
        ]
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    wrong = sum(one.state is State.PROBLEM for one in found)
    if wrong:
        raise Unwell(t("Things that need a hand: {wrong}", wrong=wrong))
    if not as_json:
        click.echo(t("All is well."))


def examine(
    data: Path, mqtt_address: tuple[str, int], api: Api, context: str | None
) -> Iterator[Finding]:
    """Yield all findings, those about this machine first."""
    from broker.store.sqlite.schema import MIGRATIONS

    now = service.present()
    yield machine.folder(data, len(MIGRATIONS))
    yield machine.disk(data)
    yield machine.clock(data, now)
    reachable, theirs = service.reachable(api)
    yield reachable
    if reachable.state is State.PROBLEM:
        parts = urlsplit(api.url)
        if parts.hostname in ("127.0.0.1", "localhost", "::1"):
            who = t("the broker")
            yield machine.port(parts.hostname, parts.port or 80, who)
        yield mqtt(*mqtt_address, needed=False)
        return
    yield service.clocks(theirs, now)
    found: list[dict[str, Any]] = []
    try:
        there = service.tenant(api)
        yield there
        if there.state is not State.PROBLEM:
            found = listed.every(Api(api.url, api.tenant))
            yield from _asked(api, context, found)
    except MachiCommandError as error:
        yield note("broker", str(error), error.remedy)
    wanted = any(one["notification"]["endpoint"]["uri"].startswith("mqtt") for one in found)
    yield mqtt(*mqtt_address, needed=wanted)


def _asked(api: Api, context: str | None, found: list[dict[str, Any]]) -> Iterator[Finding]:
    """Yield what the broker says of a tenant and its subscriptions."""
    yield service.context(api, context)
    plain = Api(api.url, api.tenant)
    yield service.names(plain)
    yield from service.subscriptions(found, service.last_error(plain))
    yield service.dead_letters(plain)


def tell(finding: Finding) -> None:
    """Print a finding."""
    sign, colour = SIGNS[finding.state]
    click.echo(f"{click.style(sign, fg=colour)} {finding.check:<13} {finding.text}")
    if finding.remedy:
        click.echo(f"{'':<17}{finding.remedy}")
