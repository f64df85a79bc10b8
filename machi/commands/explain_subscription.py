"""`machi subscriptions explain`: why a subscription fires or does not, and how it goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click
import orjson

from machi.api import EX, Api
from machi.commands.shared import broker_options, epilog, json_option
from machi.language import failure, t


@click.command(
    epilog=epilog(
        "machi subscriptions explain urn:ngsi-ld:Subscription:1",
        "machi subscriptions explain urn:ngsi-ld:Subscription:1 --entity urn:ngsi-ld:Door:1",
        "machi subscriptions explain urn:ngsi-ld:Subscription:1 --change 1042",
    ),
    help=t(
        """Say why a subscription was notified of a change or not, condition by condition.

        With neither --entity nor --change: how its deliveries go, and why the newest one failed.
        The number of a change is what machi tail --json shows as seq.
        """
    ),
)
@click.argument("id_", metavar="ID")
@click.option("--entity", metavar="ID", help=t("Of the newest change of this entity."))
@click.option("--change", type=click.IntRange(1), help=t("Of the change of this number."))
@json_option
@broker_options
def explain(
    id_: str,
    entity: str | None,
    change: int | None,
    as_json: bool,
    url: str,
    tenant: str,
    context: str | None,
) -> None:
    """Explain a subscription."""
    api = Api(url, tenant, context)
    if entity is not None and change is not None:
        raise click.UsageError(t("Name an entity or a change, not both."))
    if entity is None and change is None:
        found, _ = api.call("GET", f"{EX}/books", query={"subscriptionId": id_})
        lines = deliveries(found)
    else:
        query = {"entity": entity} if entity is not None else {"seq": str(change)}
        path = f"{EX}/subscriptions/{quote(id_, safe=':')}/explain"
        found, _ = api.call("GET", path, query=query)
        lines = conditions(found)
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    for line in lines:
        click.echo(line)


def conditions(found: dict[str, Any]) -> Iterator[str]:
    """Yield an explanation: the result, then each condition."""
    due = all(each["held"] for each in found["conditions"] if each["condition"] != "delivery")
    if found["notified"]:
        headline, colour = t("It was notified."), "green"
    elif found["notified"] is None:
        headline, colour = t("Whether it was notified is not for you to know."), "yellow"
    elif found["reason"]["code"] == "changedSince":
        headline, colour = t("Whether it was notified can no longer be said."), "yellow"
    elif due:
        headline, colour = t("A notification was due, and is not delivered."), "yellow"
    else:
        headline, colour = t("It was not to be notified."), "red"
    yield click.style(headline, fg=colour, bold=True)
    if found["change"] is not None:
        yield t("Change {seq} at {at}, {kind} of {entity}:", **found["change"])
    for each in found["conditions"]:
        sign = click.style("ok", fg="green") if each["held"] else click.style("!!", fg="red")
        yield f"{sign} {each['condition']:<20} {each['text']}"


def deliveries(found: dict[str, Any]) -> Iterator[str]:
    """Yield how the deliveries of a subscription go."""
    books = found["books"]
    yield t("It is {status}.", status=found["status"])
    yield t(
        "Of {queued} notifications {delivered} are delivered, {waiting} wait, {dead} are dead "
        "letters, {expired} expired, {cancelled} were cancelled, {withheld} withheld, {superseded} "
        "overtaken by a newer period.",
        **{name: count for name, count in books.items() if name != "balanced"},
    )
    if found.get("lastError"):
        why = failure(found["lastError"])
        yield t("The newest failure, at {at}: {why}", at=found["lastFailure"], why=why)
    elif not books["queued"]:
        yield t("Nothing was due to it yet. Ask why of an entity: --entity ID")
