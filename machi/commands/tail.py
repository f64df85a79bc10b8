"""`machi tail`: a live stream in the terminal."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from typing import Any

import click
import orjson

from broker.client import Client, Event, Refused, Unreachable, value
from machi.api import unreachable
from machi.commands.shared import broker_options, epilog, json_option, shortened
from machi.errors import Refusal
from machi.key import key_for
from machi.language import t

COLOURS = {
    "enter": "green",
    "update": "cyan",
    "leave": "yellow",
    "delete": "red",
    "reset": "magenta",
    "lost": "red",
    "end": "red",
}
WORDS = {
    "open": t("connected"),
    "lost": t("connection lost, trying again"),
    "reset": t("changes were missed for good"),
    "synced": t("that is all there is now; what follows is new"),
    "end": t("the broker ends the stream"),
}
SHOWN = 60
"""Letters of a value that are shown."""


@click.command(
    epilog=epilog(
        "machi tail",
        "machi tail --type RiverLevelStation --watch waterLevel",
        "machi tail --type RiverLevelStation --q 'waterLevel>=3.4' --snapshot",
        "machi tail --json --after 0 | jq .id",
    ),
    help=t("""Watch changes as they happen, one line each, until Ctrl-C.

        After a disconnection it goes on where it was: nothing the broker still keeps (seven days)
        is left out. `enter` is an entity that comes into sight, because it is new or a condition
        begins to hold; `leave` and `delete` are the opposite.
        """),
)
@click.option("--type", "type_", help=t("Entity types, joined by commas."))
@click.option("--id", "id_", help=t("Entity ids, joined by commas."))
@click.option("--id-pattern", help=t("Regular expression for ids."))
@click.option("--q", help=t("Condition: 'level>3;name'."))
@click.option("--scope", help=t("Scope: '/Hitoyoshi/#'."))
@click.option(
    "--watch",
    help=t("Of updates, only those of these attributes."),
)
@click.option("--pick", help=t("Show only these attributes."))
@click.option("--snapshot", is_flag=True, help=t("Begin with what is there now."))
@click.option(
    "--after",
    type=click.IntRange(0),
    help=t("Begin behind this change."),
)
@click.option("--count", type=click.IntRange(1), help=t("End after so many events."))
@json_option
@broker_options
def tail(
    type_: str | None,
    id_: str | None,
    id_pattern: str | None,
    q: str | None,
    scope: str | None,
    watch: str | None,
    pick: str | None,
    snapshot: bool,
    after: int | None,
    count: int | None,
    as_json: bool,
    url: str,
    tenant: str,
    context: str | None,
) -> None:
    """Watch changes."""
    given = {
        "type": type_,
        "id": id_,
        "idPattern": id_pattern,
        "q": q,
        "scopeQ": scope,
        "watchedAttributes": watch,
        "pick": pick,
        "snapshot": "true" if snapshot else None,
    }
    wanted = {name: text for name, text in given.items() if text is not None}
    client = Client(url, tenant=tenant, context=context, key=key_for(url))
    try:
        asyncio.run(_watch(client, wanted, after, count, as_json))
    except KeyboardInterrupt:
        return
    except Unreachable as error:
        raise unreachable(url, error.__cause__ or error) from error
    except Refused as error:
        problem = error.problem
        raise Refusal(
            f"{problem.get('detail', error)} [{problem.get('place', '?')}]",
            remedy=str(problem.get("remedy", "")),
        ) from error


async def _watch(
    client: Client, wanted: dict[str, str], after: int | None, count: int | None, as_json: bool
) -> None:
    told = 0
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    async with client:
        events: AsyncIterator[Event] = client.stream(after=after, must_begin=True, **wanted)
        async for event in events:
            if as_json:
                if event.kind in WORDS:
                    continue
                click.echo(orjson.dumps(_plain(event)))
            else:
                click.echo(line(event, columns))
            told += event.kind not in WORDS
            if event.kind == "end" or told == count:
                return


def line(event: Event, width: int | None = None) -> str:
    """Return an event as a line for people, of at most `width` columns."""
    colour = COLOURS.get(event.kind)
    if event.kind in WORDS:
        told = f"-- {WORDS[event.kind]}" + (f" ({event.reason})" if event.reason else "")
        return click.style(told, fg=colour, dim=colour is None)
    entity = event.entity or {}
    names = event.changed or tuple(entity)
    values = [
        f"{name}={shown(entity, name)}"
        for name in names
        if event.entity is not None and name not in ("id", "type", "scope")
    ]
    time, told = event.at[11:19] or t("now"), "  ".join([event.id, *values])
    if width is not None:
        told = shortened(told, width - 18)
    kind = click.style(f"{event.kind:<6}", fg=colour, bold=True)
    return f"{click.style(f'{time:<8}', dim=True)}  {kind}  {told}"


def shown(entity: dict[str, Any], name: str) -> str:
    """Return an attribute's value in short; a dash where it is gone."""
    if name not in entity:
        return "-"
    text = orjson.dumps(value(entity, name)).decode()
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _plain(event: Event) -> dict[str, Any]:
    return {
        "event": event.kind,
        "seq": event.seq,
        "at": event.at,
        "version": event.version,
        "id": event.id,
        "changed": list(event.changed),
        "entity": event.entity,
    }
