"""`machi dead-letters`: notifications that could not be delivered."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click
import orjson

from machi.api import EX, Api
from machi.commands.shared import Group, broker_options, epilog, json_option, table
from machi.language import failure, t

PATH = f"{EX}/dead-letters"

letter_argument = click.argument("letter", required=False)
subscription_option = click.option(
    "--subscription",
    metavar="ID",
    help=t("All letters of this subscription."),
)


@click.group(
    "dead-letters",
    cls=Group,
    epilog=epilog(
        "machi dead-letters list",
        "machi dead-letters show 12-345",
        "machi dead-letters replay --subscription urn:ngsi-ld:Subscription:1",
        "machi dead-letters discard 12-345",
    ),
    help=t("""Look at notifications that could not be delivered; send them again, or let them go.

        A notification becomes a dead letter when the last try has failed. It keeps what was true
        at its change. Replayed, it waits again at its place in the queue.
        """),
)
def dead_letters() -> None:
    """Handle dead letters."""


@dead_letters.command(
    "list",
    epilog=epilog("machi dead-letters list", "machi dead-letters list --limit 500 --json"),
    help=t("List dead letters, the newest first."),
)
@subscription_option
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@broker_options
def list_(
    subscription: str | None, limit: int, as_json: bool, url: str, tenant: str, context: str | None
) -> None:
    """List dead letters."""
    query = {"limit": str(limit), "count": "true"}
    if subscription:
        query["subscriptionId"] = subscription
    found, headers = Api(url, tenant, context).call("GET", PATH, query=query)
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    if not found:
        click.echo(t("There are no dead letters."))
        return
    headings = [t("LETTER"), t("DIED"), t("TRIES"), t("ENTITY"), t("SUBSCRIPTION"), t("WHY")]
    for line in table(headings, [_row(one) for one in found]):
        click.echo(line)
    total = int(headers.get("NGSILD-Results-Count", len(found)))
    if total > len(found):
        click.echo(t("… and {found} more: --limit", found=total - len(found)))
    click.echo(t("Mend the receiver, then: machi dead-letters replay LETTER"))


@dead_letters.command(
    epilog=epilog("machi dead-letters show 12-345"),
    help=t("Show a dead letter whole, with the notification as it would be sent."),
)
@click.argument("letter")
@broker_options
def show(letter: str, url: str, tenant: str, context: str | None) -> None:
    """Show a dead letter."""
    found, _ = Api(url, tenant, context).call("GET", f"{PATH}/{quote(letter)}")
    click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))


@dead_letters.command(
    epilog=epilog(
        "machi dead-letters replay 12-345",
        "machi dead-letters replay --subscription urn:ngsi-ld:Subscription:1",
    ),
    help=t("Send one dead letter again, or all of a subscription."),
)
@letter_argument
@subscription_option
@broker_options
def replay(
    letter: str | None, subscription: str | None, url: str, tenant: str, context: str | None
) -> None:
    """Replay dead letters."""
    api = Api(url, tenant, context)
    if _one(letter, subscription):
        api.call("POST", f"{PATH}/{quote(letter or '')}/replay")
        click.echo(t("{letter} waits to be sent", letter=letter))
        return
    done, _ = api.call("POST", f"{PATH}/replay", body={"subscriptionId": subscription})
    click.echo(t("{replayed} wait to be sent", replayed=done["replayed"]))


@dead_letters.command(
    epilog=epilog(
        "machi dead-letters discard 12-345",
        "machi dead-letters discard --subscription urn:ngsi-ld:Subscription:1",
    ),
    help=t("Let one dead letter go, or all of a subscription. They cannot be had back."),
)
@letter_argument
@subscription_option
@broker_options
def discard(
    letter: str | None, subscription: str | None, url: str, tenant: str, context: str | None
) -> None:
    """Discard dead letters."""
    api = Api(url, tenant, context)
    if _one(letter, subscription):
        api.call("DELETE", f"{PATH}/{quote(letter or '')}")
        click.echo(t("{letter} is gone", letter=letter))
        return
    done, _ = api.call("POST", f"{PATH}/discard", body={"subscriptionId": subscription})
    click.echo(t("{discarded} are gone", discarded=done["discarded"]))


def _one(letter: str | None, subscription: str | None) -> bool:
    """Tell whether one letter is meant; raises UsageError where it is not clear."""
    if (letter is None) == (subscription is None):
        raise click.UsageError(t("Name one LETTER, or a --subscription."))
    return letter is not None


def _row(one: dict[str, Any]) -> list[str]:
    return [
        str(one["id"]),
        str(one.get("diedAt", ""))[:19],
        str(one.get("attempts", "")),
        str(one.get("entityId", "")),
        str(one.get("subscriptionId", "")),
        failure(str(one.get("reason", ""))),
    ]
