"""`machi accounts`: people who sign in."""

from __future__ import annotations

import secrets
from pathlib import Path

import click
import orjson

from machi.commands.keys import identity_book, role_option
from machi.commands.shared import Group, data_option, epilog, json_option, table
from machi.errors import MachiCommandError
from machi.language import t


@click.group(
    cls=Group,
    epilog=epilog(
        "machi accounts create hanako --role staff:river",
        "machi accounts list",
        "machi accounts password hanako",
        "machi accounts remove u-1f2e3d4c5b6a7980",
    ),
    help=t("""Make, list and remove accounts of people, for a broker with --auth embedded.

        Works on the data folder, also while the broker runs. Of a name only a digest is kept, so
        the list shows accounts by their ids.
        """),
)
def accounts() -> None:
    """Handle accounts."""


password_option = click.password_option(
    "--password",
    envvar="MACHI_PASSWORD",
    prompt=t("Password"),
    help=t("Asked for if left out, which keeps it out of the shell's history."),
)


@accounts.command(
    epilog=epilog("machi accounts create hanako --role staff:river --role officer"),
    help=t("Make an account for a name, with a password of at least 12 characters."),
)
@click.argument("name")
@role_option
@click.option(
    "--tenant",
    "tenants",
    multiple=True,
    metavar="NAME",
    help=t("Tenant it may reach, empty for the default one; all if left out."),
)
@password_option
@data_option
@json_option
def create(
    name: str,
    roles: tuple[str, ...],
    tenants: tuple[str, ...],
    password: str,
    data: Path,
    as_json: bool,
) -> None:
    """Make an account."""
    from consent.identity.model import Account
    from consent.identity.passwords import Argon2

    _check(password)
    account_id = f"u-{secrets.token_hex(8)}"
    reach = frozenset(tenants) if tenants else None
    with identity_book(data, make=True) as book:
        handle, kept = _handle(name, data), Argon2().hash(password)
        book.people.add(Account(account_id, handle, kept, frozenset(roles), reach))
    if as_json:
        click.echo(orjson.dumps({"id": account_id}))
    else:
        click.echo(
            t("The account {id} is made; sign in with the name and password.", id=account_id)
        )


@accounts.command("list", epilog=epilog("machi accounts list"), help=t("List accounts by id."))
@data_option
@json_option
def list_(data: Path, as_json: bool) -> None:
    """List accounts."""
    with identity_book(data) as book:
        found = book.people.accounts()
    if as_json:
        click.echo(orjson.dumps([{"id": one.id, "roles": sorted(one.roles)} for one in found]))
    elif not found:
        click.echo(t("There are no accounts yet; machi accounts create makes one."))
    else:
        rows = [[one.id, ", ".join(sorted(one.roles)) or "–"] for one in found]
        for line in table(["id", t("roles")], rows):
            click.echo(line)


@accounts.command(
    epilog=epilog("machi accounts password hanako"),
    help=t("Change a password, and end the sessions that are open under the name."),
)
@click.argument("name")
@password_option
@data_option
def password(name: str, password: str, data: Path) -> None:
    """Change a password."""
    from consent.identity.passwords import Argon2

    _check(password)
    with identity_book(data) as book:
        account = book.people.account(_handle(name, data))
        if account is None:
            raise MachiCommandError(t("There is no account of this name. See machi accounts list."))
        book.people.change_password(account.id, Argon2().hash(password))
    click.echo(t("The password is changed, and open sessions are ended."))


@accounts.command(
    epilog=epilog("machi accounts remove u-1f2e3d4c5b6a7980"),
    help=t("Forget an account and its sessions."),
)
@click.argument("account", metavar="ID")
@data_option
def remove(account: str, data: Path) -> None:
    """Remove an account."""
    with identity_book(data) as book:
        book.people.remove(account)
    click.echo(t("The account {id} is gone.", id=account))


def _handle(name: str, data: Path) -> bytes:
    from consent.identity.secret import read_secret, secret_beside
    from consent.identity.signing_in import handle_of

    return handle_of(name, read_secret(secret_beside(data)))


def _check(password: str) -> None:
    from consent.identity.passwords import SHORTEST

    if len(password) < SHORTEST:
        raise click.BadParameter(
            t("a password has at least {number} characters", number=SHORTEST),
            param_hint="--password",
        )
