"""`machi subscriptions`: who is notified of what, and how it goes."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import quote, unquote

import click
import orjson

from broker.subscriptions.endpoint import mask, masked
from machi.api import V1, Api
from machi.commands.explain_subscription import explain
from machi.commands.shared import Group, broker_options, epilog, json_option, table
from machi.language import t

PATH = f"{V1}/subscriptions"
PAGE = 100


@click.group(
    cls=Group,
    epilog=epilog(
        "machi subscriptions create --type RiverLevelStation --q 'waterLevel>=3.4' \\",
        "    --watch waterLevel --to https://town.example/notify",
        "machi subscriptions list",
        "machi subscriptions explain urn:ngsi-ld:Subscription:1 --entity urn:ngsi-ld:X:1",
        "machi subscriptions pause urn:ngsi-ld:Subscription:1",
    ),
    help=t("Show and change who is notified of what: subscriptions."),
)
def subscriptions() -> None:
    """Show and change subscriptions."""


@subscriptions.command(
    "list",
    epilog=epilog("machi subscriptions list", "machi subscriptions list --json | jq -r '.[].id'"),
    help=t("List all subscriptions of a tenant."),
)
@json_option
@broker_options
def list_(as_json: bool, url: str, tenant: str, context: str | None) -> None:
    """List subscriptions."""
    found = every(Api(url, tenant, context))
    if as_json:
        click.echo(_json(list(map(_masked, found))))
        return
    if not found:
        click.echo(t("There are no subscriptions."))
        click.echo(t("Make one: machi subscriptions create --help"))
        return
    headings = ["ID", t("STATUS"), t("SENT"), t("FAILED"), t("OF WHAT"), t("TO")]
    for line in table(headings, [_row(one) for one in found]):
        click.echo(line)


@subscriptions.command(
    epilog=epilog("machi subscriptions show urn:ngsi-ld:Subscription:1"),
    help=t("Show one subscription whole, as JSON."),
)
@click.argument("id_", metavar="ID")
@click.option("--secrets", is_flag=True, help=t("Show tokens and passwords too, not ***."))
@broker_options
def show(id_: str, secrets: bool, url: str, tenant: str, context: str | None) -> None:
    """Show a subscription."""
    found, _ = Api(url, tenant, context).call("GET", _path(id_), query={"options": "sysAttrs"})
    click.echo(_json(found if secrets else _masked(found)))


@subscriptions.command(
    epilog=epilog(
        "machi subscriptions create --type RiverLevelStation --to http://localhost:9000/notify",
        "machi subscriptions create --type Door --watch open --to mqtt://localhost/doors",
        "machi subscriptions create --type Drill --every 60 --to http://localhost:9000/minute",
    ),
    help=t("""Make a subscription, and print its id.

        Notifications are HTTP POSTs (--to http://… or https://…) or MQTT messages
        (--to mqtt://HOST/TOPIC). What cannot be delivered waits and is tried again; after the
        last try it is a dead letter: machi dead-letters list.
        """),
)
@click.option("--to", "uri", required=True, metavar="URI", help=t("Where to send."))
@click.option("--type", "types", multiple=True, help=t("Entity type; repeatable."))
@click.option("--id", "ids", multiple=True, help=t("Entity id; repeatable."))
@click.option("--id-pattern", help=t("Regular expression for ids."))
@click.option("--watch", multiple=True, help=t("Watched attribute; repeatable."))
@click.option("--q", help=t("Condition: 'level>3;name'."))
@click.option("--scope", help=t("Scope: '/Hitoyoshi/#'."))
@click.option("--near", metavar="LON,LAT,METRES", help=t("Only nearer than this."))
@click.option(
    "--on",
    "triggers",
    multiple=True,
    metavar="TRIGGER",
    help=t("entityCreated, attributeUpdated, entityDeleted, …; repeatable."),
)
@click.option(
    "--every",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help=t("Notify at intervals instead of on changes."),
)
@click.option(
    "--throttling",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help=t("At least so long between two notifications."),
)
@click.option("--expires", metavar="TIME", help=t("End, as 2027-01-01T00:00:00Z."))
@click.option("--format", "format_", type=click.Choice(["normalized", "concise", "simplified"]))
@click.option(
    "--pick",
    multiple=True,
    help=t("Send only this member; repeatable."),
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help=t("HTTP header to send along; repeatable."),
)
@click.option("--name", help=t("A name for people."))
@broker_options
def create(uri: str, url: str, tenant: str, context: str | None, **given: Any) -> None:
    """Make a subscription."""
    body = document(uri, given)
    _, headers = Api(url, tenant, context).call("POST", PATH, body=body)
    made = unquote(headers.get("Location", "").rpartition("/")[2])
    click.echo(made)
    if sys.stderr.isatty():
        click.echo(
            t("See how it goes: machi subscriptions explain {made}", made=made),
            err=True,
        )


@subscriptions.command(
    epilog=epilog("machi subscriptions pause urn:ngsi-ld:Subscription:1"),
    help=t("Pause: what waits is cancelled, nothing more is sent."),
)
@click.argument("id_", metavar="ID")
@broker_options
def pause(id_: str, url: str, tenant: str, context: str | None) -> None:
    """Pause a subscription."""
    Api(url, tenant, context).call("PATCH", _path(id_), body={"isActive": False})
    click.echo(t("{id_} is paused", id_=id_))


@subscriptions.command(
    epilog=epilog("machi subscriptions resume urn:ngsi-ld:Subscription:1"),
    help=t("Resume a paused subscription, from the next change on."),
)
@click.argument("id_", metavar="ID")
@broker_options
def resume(id_: str, url: str, tenant: str, context: str | None) -> None:
    """Resume a subscription."""
    Api(url, tenant, context).call("PATCH", _path(id_), body={"isActive": True})
    click.echo(t("{id_} is active", id_=id_))


@subscriptions.command(
    epilog=epilog("machi subscriptions delete urn:ngsi-ld:Subscription:1"),
    help=t("Delete a subscription, with what waits for it and its dead letters."),
)
@click.argument("id_", metavar="ID")
@broker_options
def delete(id_: str, url: str, tenant: str, context: str | None) -> None:
    """Delete a subscription."""
    Api(url, tenant, context).call("DELETE", _path(id_))
    click.echo(t("{id_} is deleted", id_=id_))


subscriptions.add_command(explain)


def every(api: Api) -> list[dict[str, Any]]:
    """Return all subscriptions of a tenant."""
    found: list[dict[str, Any]] = []
    while True:
        query = {"limit": str(PAGE), "offset": str(len(found))}
        page, _ = api.call("GET", PATH, query=query)
        found += page
        if len(page) < PAGE:
            return found


def document(uri: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the subscription that the options of `create` describe."""
    endpoint: dict[str, Any] = {"uri": uri}
    if given["headers"]:
        pairs = [header.partition(":") for header in given["headers"]]
        endpoint["receiverInfo"] = [
            {"key": name.strip(), "value": text.strip()} for name, _, text in pairs
        ]
    notification: dict[str, Any] = {"endpoint": endpoint}
    if given["format_"]:
        notification["format"] = given["format_"]
    if given["pick"]:
        notification["pick"] = list(given["pick"])
    found: dict[str, Any] = {"type": "Subscription", "notification": notification}
    entities = _entities(list(given["types"]), list(given["ids"]), given["id_pattern"])
    if entities:
        found["entities"] = entities
    if given["near"]:
        found["geoQ"] = _near(given["near"])
    for member, option in (
        ("subscriptionName", "name"),
        ("q", "q"),
        ("scopeQ", "scope"),
        ("timeInterval", "every"),
        ("throttling", "throttling"),
        ("expiresAt", "expires"),
    ):
        if given[option] is not None:
            found[member] = given[option]
    for member, option in (("watchedAttributes", "watch"), ("notificationTrigger", "triggers")):
        if given[option]:
            found[member] = list(given[option])
    return found


def _entities(types: list[str], ids: list[str], pattern: str | None) -> list[dict[str, Any]]:
    """Return a selector for each type with each id; ids need a type beside them."""
    if (ids or pattern) and not types:
        raise click.UsageError(t("--id and --id-pattern need a --type beside them."))
    found: list[dict[str, Any]] = []
    for each in types:
        selector: dict[str, Any] = {"type": each}
        if pattern:
            selector["idPattern"] = pattern
        found += [{**selector, "id": one} for one in ids] or [selector]
    return found


def _near(text: str) -> dict[str, Any]:
    try:
        longitude, latitude, metres = map(float, text.split(","))
    except ValueError as error:
        raise click.UsageError(
            t(
                "--near takes longitude, latitude and metres, as 130.76,32.21,500; not {text!r}.",
                text=text,
            )
        ) from error
    return {
        "georel": f"near;maxDistance=={metres:g}",
        "geometry": "Point",
        "coordinates": [longitude, latitude],
    }


def _masked(one: dict[str, Any]) -> dict[str, Any]:
    """Return a subscription without secrets: what a terminal shows gets copied elsewhere."""
    notification = one["notification"]
    return {**one, "notification": {**notification, "endpoint": mask(notification["endpoint"])}}


def _row(one: dict[str, Any]) -> list[str]:
    notification = one["notification"]
    types = ", ".join(str(each.get("type", "*")) for each in one.get("entities", ()))
    what = " ".join(
        filter(None, [types, one.get("q", ""), ",".join(one.get("watchedAttributes", ()))])
    )
    return [
        one["id"],
        one.get("status", "?"),
        str(notification.get("timesSent", 0)),
        str(notification.get("timesFailed", 0)),
        what,
        masked(notification["endpoint"]["uri"]),
    ]


def _path(id_: str) -> str:
    return f"{PATH}/{quote(id_, safe=':')}"


def _json(found: Any) -> str:
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
