"""`machi broker`: the context broker alone."""

from __future__ import annotations

import logging
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import click

from machi.commands import addresses
from machi.commands.shared import data_errors, data_option, epilog, port_option
from machi.errors import DataFaulty, NotReachable, PortBusy
from machi.language import t

if TYPE_CHECKING:
    from broker.settings import Settings
    from broker.validation import Models
    from consent.town import Access


@click.command(
    epilog=epilog(
        "machi broker",
        "machi broker --host 0.0.0.0 --port 9090 --data /srv/broker --allow-egress 10.1.0.0/16",
        "machi broker --allow-origin https://town.example",
        "machi broker --auth embedded --policies policies.json",
        "machi broker --auth oidc --oidc-issuer https://id.town.example/realms/town",
        "machi broker --models warn --model RiverLevelStation=reject",
    ),
    help=t("""Run the NGSI-LD context broker alone, until Ctrl-C or SIGTERM.

        It listens on this machine only, unless --host says otherwise: with --auth off, whoever
        reaches the port reaches everything. With --auth embedded open data needs no key, the rest
        a key made with machi keys.
        """),
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help=t("Address to listen on."),
)
@port_option("--port", 1026, t("the API"))
@data_option
@click.option(
    "--shared",
    type=click.Path(file_okay=False, path_type=Path),
    help=t(
        "Folder of keys, accounts and secrets where several brokers share them; --data if left out."
    ),
)
@click.option(
    "--auth",
    type=click.Choice(["off", "embedded", "oidc"]),
    default="off",
    show_default=True,
    help=t(
        "Who may do what: off lets everybody do everything, embedded asks keys and policies, oidc "
        "the tokens of a provider too."
    ),
)
@click.option(
    "--oidc-issuer",
    metavar="URL",
    help=t("Issuer of the OpenID Connect provider whose tokens are taken."),
)
@click.option(
    "--oidc-audience",
    default="machi",
    show_default=True,
    metavar="NAME",
    help=t("Whom the provider's tokens must be for."),
)
@click.option(
    "--oidc-roles",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=t("JSON file that says which claim gives which roles."),
)
@click.option(
    "--policies",
    type=click.Path(dir_okay=False, path_type=Path),
    help=t("JSON file with the policies of --auth embedded, instead of those that come along."),
)
@click.option(
    "--allow-egress",
    multiple=True,
    metavar="CIDR",
    callback=lambda ctx, option, given: _networks(given),
    help=t(
        "Private network that contexts may be fetched from and notifications sent to; repeatable."
    ),
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    callback=lambda ctx, option, given: addresses.hosts(given),
    help=t("Further name that requests may carry as Host header; repeatable."),
)
@click.option(
    "--allow-origin",
    multiple=True,
    metavar="ORIGIN",
    callback=lambda ctx, option, given: addresses.origins(given),
    help=t(
        "Web page, such as https://town.example, that may call the API from a browser; repeatable."
    ),
)
@click.option(
    "--public-url",
    default="",
    metavar="URL",
    callback=lambda ctx, option, given: addresses.public_url(given),
    help=t("Address at which clients reach the broker, where a proxy stands before it."),
)
@click.option(
    "--heartbeat",
    type=click.FloatRange(min=0.1, max=300),
    default=15.0,
    show_default=True,
    help=t("Seconds after which a quiet stream says so."),
)
@click.option(
    "--max-streams",
    type=click.IntRange(1, 1_000_000),
    default=4_000,
    show_default=True,
    help=t("Streams served at a time."),
)
@click.option(
    "--max-instances",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help=t("Attribute instances in one answer of the temporal API."),
)
@click.option(
    "--models",
    type=click.Choice(["off", "warn", "reject"]),
    default="off",
    show_default=True,
    help=t("What happens to entities that do not fit the data model of their type."),
)
@click.option(
    "--model",
    "modes",
    multiple=True,
    metavar="TYPE=MODE",
    callback=lambda ctx, option, given: _modes(given),
    help=t("The same for one type, such as RiverLevelStation=reject; repeatable."),
)
@click.option(
    "--pinned-context",
    is_flag=True,
    help=t("Read requests that name no @context by that of the data models."),
)
@click.option(
    "--no-delivery",
    is_flag=True,
    help=t("Queue notifications and send none, as on a copy of a town that is only looked at."),
)
@click.option(
    "--no-history",
    is_flag=True,
    help=t("Write no history of what changes."),
)
@click.option(
    "--history-policy",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=t("JSON file that says what history is kept of which types, and for how long."),
)
@click.option(
    "--store",
    envvar="MACHI_STORE",
    default="",
    metavar="URL",
    help=t(
        "MongoDB database (mongodb://host/name, a replica set) instead of a file in the data "
        "folder. Give a URL with a password as MACHI_STORE, so that no list of processes shows it."
    ),
)
@click.option(
    "--store-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="MACHI_STORE_FILE",
    show_envvar=True,
    metavar="FILE",
    help=t("File with the URL of --store, for a secret that is handed over as a file."),
)
def broker(
    host: str,
    port: int,
    data: Path,
    shared: Path | None,
    auth: str,
    oidc_issuer: str | None,
    oidc_audience: str,
    oidc_roles: Path | None,
    policies: Path | None,
    allow_egress: tuple[str, ...],
    allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...],
    public_url: str,
    heartbeat: float,
    max_streams: int,
    max_instances: int,
    models: str,
    modes: tuple[tuple[str, str], ...],
    pinned_context: bool,
    no_delivery: bool,
    no_history: bool,
    history_policy: Path | None,
    store: str,
    store_file: Path | None,
) -> None:
    """Run the broker."""
    from broker.errors import ServiceUnavailable
    from broker.main import CannotListen, serve
    from broker.safe import KeyFaulty
    from broker.settings import Settings
    from broker.temporal.policy import UnusablePolicy

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    settings = Settings(
        host=host,
        port=port,
        data=data,
        shared=shared,
        store=addresses.database(store if store_file is None else store_file.read_text().strip()),
        auth=auth,
        allow_egress=allow_egress,
        allow_hosts=allow_host,
        allow_origins=allow_origin,
        public_url=public_url,
        heartbeat=heartbeat,
        max_streams=max_streams,
        max_instances=max_instances,
        deliver=not no_delivery,
        history=not no_history,
        history_policy=history_policy,
    )
    offer = _offer(models, modes, pinned_context)
    try:
        with data_errors():
            access = _access(settings, policies, oidc_issuer, oidc_audience, oidc_roles)
            if access is None:
                serve(settings, offer)
            else:
                _guarded(settings, offer, access)
    except UnusablePolicy as error:
        raise click.UsageError(str(error)) from error
    except KeyFaulty as error:
        raise DataFaulty(error.detail, remedy=error.remedy) from error
    except ServiceUnavailable as error:
        raise NotReachable(error.detail, remedy=error.remedy) from error
    except CannotListen as error:
        raise PortBusy(
            str(error),
            remedy=t("See machi broker --help for the options."),
        ) from error


def _offer(models: str, modes: tuple[tuple[str, str], ...], everywhere: bool) -> Models:
    """Return what data models give the broker. Raises UsageError."""
    from broker.validation import Mode
    from smart_data_models.errors import NoRegistry, UnknownType
    from smart_data_models.offer import offered

    try:
        given = [(name, Mode(mode)) for name, mode in modes]
        return offered(Mode(models), given, everywhere=everywhere)
    except (UnknownType, NoRegistry) as error:
        raise click.UsageError(str(error)) from error


def _guarded(settings: Settings, offer: Models, access: Access) -> None:
    """Serve with a guard, which reads the policies that are stored. Raises DataFaulty."""
    from broker.main import serve
    from consent.policies.document import PolicyError

    try:
        serve(settings, offer, access.guard, access.accounts, access.disclosures)
    except PolicyError as error:
        raise DataFaulty(
            str(error), remedy=t("Start the broker with --auth off, and mend the policy there.")
        ) from error
    finally:
        access.guard.usage.close()


def _access(
    settings: Settings,
    policies: Path | None,
    issuer: str | None,
    audience: str,
    roles: Path | None,
) -> Access | None:
    """Return what is asked who may do what, None for nothing. Raises DataFaulty, UsageError."""
    if settings.auth == "off":
        if policies is not None:
            raise click.UsageError(t("--policies goes with --auth embedded."))
        return None
    if (settings.auth == "oidc") != (issuer is not None):
        raise click.UsageError(t("--auth oidc and --oidc-issuer go together."))
    from consent.files import Unusable
    from consent.identity.file import IdentityError
    from consent.policies.document import PolicyError
    from consent.town import Oidc, town_access
    from consent.vault.errors import VaultError

    try:
        oidc = None if issuer is None else Oidc(issuer, audience, roles)
        return town_access(settings.data, policies, oidc, settings.shared)
    except PolicyError as error:
        raise click.UsageError(str(error)) from error
    except (IdentityError, Unusable, VaultError) as error:
        raise DataFaulty(str(error)) from error


def _networks(given: tuple[str, ...]) -> tuple[str, ...]:
    for text in given:
        try:
            ip_network(text)
        except ValueError as error:
            raise click.BadParameter(f"{error}; give a network such as 10.1.0.0/16") from error
    return given


def _modes(given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in given:
        name, _, mode = text.rpartition("=")
        if not name or mode not in ("off", "warn", "reject"):
            raise click.BadParameter(f"{text}: give TYPE=off, TYPE=warn or TYPE=reject")
        pairs.append((name, mode))
    return tuple(pairs)
