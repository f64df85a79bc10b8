"""The command `machi`."""

from __future__ import annotations

import click

from machi.commands.accounts import accounts
from machi.commands.audit import audit
from machi.commands.box import box_key_command, box_simulator
from machi.commands.broker import broker
from machi.commands.data import backup, check, restore
from machi.commands.dead_letters import dead_letters
from machi.commands.doctor import doctor
from machi.commands.history import export_group, import_group
from machi.commands.keys import keys
from machi.commands.leader import leader_pin
from machi.commands.ledger import ledger
from machi.commands.migrate import migrate
from machi.commands.replay import replay_command
from machi.commands.shared import Group, epilog
from machi.commands.subscriptions import subscriptions
from machi.commands.tail import tail
from machi.commands.up import up
from machi.language import t


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=epilog(
        t(
            "machi up                              the whole demo town, page on "
            "http://localhost:8080"
        ),
        t("machi replay kuma-2020 --speed 600    play a flood into the running town, as a drill"),
        t("machi broker --data DIR               only the NGSI-LD context broker, on port 1026"),
        t("machi tail --type RiverLevelStation   watch changes as they happen"),
        t("machi doctor                          find out what is wrong, and what to do about it"),
        t("machi backup data backup.machi        copy the data of a running or stopped broker"),
    ),
    help=t("Machi (町): an open city OS."),
)
@click.version_option(package_name="machi")
def main() -> None:
    """Machi (町)."""


for command in (
    *(up, broker, replay_command, tail, subscriptions, dead_letters, doctor),
    accounts,
    keys,
    audit,
    ledger,
    *(check, backup, restore, migrate, import_group, export_group),
    *(leader_pin, box_key_command, box_simulator),
):
    main.add_command(command)
