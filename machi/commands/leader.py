"""`machi leader-pin`: a PIN for an area leader, who may open a lock at any time."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

import click

from apps.keys.contract import CannotGrant, Grant, Status
from apps.keys.doors import Doors
from apps.keys.grants import code_kind
from apps.keys.locks import TownLocks
from apps.keys.worker import Worker
from broker.client import Client, ClientError, Retry
from consent.vault import VaultError, open_vault
from consent.vault.vault import new_holder
from machi.commands.shared import data_option, epilog
from machi.errors import DataFaulty, NotReachable, Refusal
from machi.key import key_for
from machi.language import t

NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
TRIES: Final = 20
PAUSE: Final = 0.5


@click.command(
    "leader-pin",
    epilog=epilog("machi leader-pin urn:ngsi-ld:SmartLock:432148:E4321400005111 kuroda-north"),
    help=t("""Give an area leader a PIN that opens a lock at any time, and show it once.

        NAME is a pseudonym of the leader, such as the area's name. Every use is in the door log.
        The PIN is taken back on the page of keys.
        """),
)
@click.argument("lock")
@click.argument("name")
@click.option("--broker", "url", default="http://127.0.0.1:1026", show_default=True)
@data_option
def leader_pin(lock: str, name: str, url: str, data: Path) -> None:
    """Give an area leader a PIN."""
    if not NAME.fullmatch(name):
        raise click.BadParameter(t("letters, digits, - and _ only"), param_hint="NAME")
    try:
        grant, pin = asyncio.run(_give(lock, name, url, data))
    except VaultError as fault:
        raise DataFaulty(str(fault)) from fault
    except CannotGrant as fault:
        raise Refusal(t("There is no lock {lock}.", lock=lock)) from fault
    except ClientError as fault:
        raise NotReachable(str(fault)) from fault
    if pin is None:
        raise Refusal(t("The lock does not have it yet: {reason}.", reason=grant.reason or "?"))
    click.echo(t("PIN of {name}: {pin}", name=name, pin=pin))
    if grant.status is not Status.ACTIVE:
        click.echo(t("The lock has not confirmed it yet; the page of keys says when."))


async def _give(lock: str, name: str, url: str, data: Path) -> tuple[Grant, str | None]:
    vault = open_vault(data)
    try:
        async with Client(url, name="machi", key=key_for(url), retry=Retry(attempts=2)) as client:
            key = f"leader-{name}-{lock.rpartition(':')[2]}"
            locks = TownLocks(client, vault)
            grant = await locks.provision_leader(key, lock, new_holder())
            worker = Worker(client, vault, Doors(data / "adapters"))
            for _ in range(TRIES):
                await worker.see_to(grant.id)
                grant = await locks.grant(grant.id) or grant
                if grant.status is Status.ACTIVE or grant.reason:
                    break
                await asyncio.sleep(PAUSE)
            pin = await vault.get(grant.holder, code_kind(grant.id)) if grant.issued else None
            return grant, pin
    finally:
        vault.close()
