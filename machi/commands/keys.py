"""`machi keys`: who may call the broker, and the keys they show."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from machi.commands.shared import Group, data_option, epilog, file_errors, json_option, table
from machi.errors import DataFaulty, MachiCommandError
from machi.language import t

if TYPE_CHECKING:
    from consent.identity.book import IdentityBook
    from consent.identity.model import Own

ROLES = (
    *("citizen", "guardian", "staff", "developer"),
    *("device", "app", "officer", "administrator"),
)


def _roles(given: tuple[str, ...]) -> tuple[str, ...]:
    for text in given:
        if text.partition(":")[0] not in ROLES:
            raise click.BadParameter(f"{text}: give one of {', '.join(ROLES)}")
    return given


role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ROLE[:SECTION]",
    callback=lambda ctx, option, given: _roles(given),
    help=t("Role of the client, such as developer or staff:river; repeatable."),
)


@click.group(
    cls=Group,
    epilog=epilog(
        "machi keys create my-app --role developer",
        "machi keys create gauge-1 --role device --own urn:ngsi-ld:RiverLevelStation:1=waterLevel",
        "machi keys list",
        "machi keys revoke 1f2e3d4c",
    ),
    help=t("""Make, list and revoke keys of a broker with --auth embedded.

        Works on the data folder, also while the broker runs: it takes changes up with the next
        request.
        """),
)
def keys() -> None:
    """Handle keys."""


@keys.command(
    epilog=epilog(
        "machi keys create my-app --role developer --days 90",
        "machi keys create portal --role app --tenant drill",
    ),
    help=t("""Make a key for a client, and the client where there is none; show the key once.

        Send it with each request: Authorization: Bearer KEY. For a client that is known already,
        the options change what it may do, and its other keys stay valid.
        """),
)
@click.argument("client")
@role_option
@click.option(
    "--purpose", "purposes", multiple=True, metavar="ID", help=t("Purpose it may read for.")
)
@click.option(
    "--tenant",
    "tenants",
    multiple=True,
    metavar="NAME",
    help=t("Tenant it may reach, empty for the default one; all if left out."),
)
@click.option(
    "--own",
    multiple=True,
    metavar="ID[=ATTRIBUTE,…]",
    help=t("Entity that this device may write, or only some attributes of it; repeatable."),
)
@click.option(
    "--rate",
    type=click.FloatRange(0.01, 100_000),
    help=t("Requests a second it may make on average; any if left out."),
)
@click.option(
    "--quota",
    type=click.IntRange(1),
    help=t("Requests a day it may make; any if left out."),
)
@click.option(
    "--days", type=click.IntRange(1, 3660), help=t("Days until the key expires; never if left out.")
)
@data_option
@json_option
def create(
    client: str,
    roles: tuple[str, ...],
    purposes: tuple[str, ...],
    tenants: tuple[str, ...],
    own: tuple[str, ...],
    rate: float | None,
    quota: int | None,
    days: int | None,
    data: Path,
    as_json: bool,
) -> None:
    """Make a key."""
    from broker.clock import now
    from consent.identity.keys import make
    from consent.identity.model import Client, Key

    key_id, text, digest = make(secrets.token_bytes)
    expires = None if days is None else _in_days(days)
    with identity_book(data, make=True) as book:
        given = (roles, purposes, tenants, own, rate, quota)
        if any(given) or all(known.name != client for known in book.clients()):
            reach = frozenset(tenants) if tenants else None
            owned = tuple(map(_own, own))
            book.put(
                Client(
                    client,
                    frozenset(roles),
                    frozenset(purposes),
                    reach,
                    owned,
                    rate=rate,
                    quota=quota,
                )
            )
        book.add(Key(key_id, client, digest, now(), expires))
    if as_json:
        click.echo(orjson.dumps({"id": key_id, "key": text, "client": client}))
        return
    click.echo(text)
    click.echo(
        t("Keep it now: it is not shown again. Send it as Authorization: Bearer …"), err=True
    )


@keys.command("list", epilog=epilog("machi keys list"), help=t("List keys, the oldest first."))
@data_option
@json_option
def list_(data: Path, as_json: bool) -> None:
    """List keys."""
    from broker.clock import now

    with identity_book(data) as book:
        found, clients, moment = book.keys(), {each.name: each for each in book.clients()}, now()
    if as_json:
        told = [
            {"id": key.id, "client": key.client, "created": key.created, "expires": key.expires,
             "revoked": key.revoked, "roles": sorted(clients[key.client].roles)}
            for key in found
        ]  # fmt: skip
        click.echo(orjson.dumps(told))
        return
    if not found:
        click.echo(t("There are no keys yet; machi keys create makes one."))
        return
    rows = [
        [key.id, key.client, ", ".join(sorted(clients[key.client].roles)) or "–", key.created[:10],
         t("valid") if key.valid(moment) else t("revoked") if key.revoked else t("expired")]
        for key in found
    ]  # fmt: skip
    for line in table(["id", t("client"), t("roles"), t("created"), t("state")], rows):
        click.echo(line)


@keys.command(
    epilog=epilog("machi keys revoke 1f2e3d4c"),
    help=t("Let a key open nothing from now on."),
)
@click.argument("key_id", metavar="ID")
@data_option
def revoke(key_id: str, data: Path) -> None:
    """Revoke a key."""
    from broker.clock import now

    with identity_book(data) as book:
        book.revoke(key_id, now())
    click.echo(t("The key {id} is revoked.", id=key_id))


@keys.command(
    epilog=epilog("machi keys remove my-app"), help=t("Forget a client and all its keys.")
)
@click.argument("client")
@data_option
def remove(client: str, data: Path) -> None:
    """Remove a client."""
    with identity_book(data) as book:
        book.remove(client)
    click.echo(t("The client {name} and its keys are gone.", name=client))


@contextmanager
def identity_book(data: Path, *, make: bool = False) -> Iterator[IdentityBook]:
    """Open the identity book of a data folder for a command; `make` a folder that is not there."""
    from consent.identity.book import IdentityBook
    from consent.identity.file import IdentityError

    if not make and not data.is_dir():
        raise DataFaulty(
            t("There is no folder {data}.", data=data),
            remedy=t("Check --data: it is the folder that the broker was started with."),
        )
    try:
        with file_errors():
            book = IdentityBook(data)
        try:
            yield book
        finally:
            book.close()
    except IdentityError as error:
        raise MachiCommandError(str(error)) from error


def _in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _own(text: str) -> Own:
    from consent.identity.model import Own
    from consent.town import expand

    entity, _, names = text.partition("=")
    if not names:
        return Own(entity)
    return Own(entity, frozenset(expand()(name) for name in names.split(",")))
