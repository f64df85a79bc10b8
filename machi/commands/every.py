"""Every command of `machi`, loaded when it is asked for: a broker starts without the town's."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

import click

from machi.commands.shared import Group

COMMANDS: Final[Mapping[str, str]] = {
    "accounts": "accounts",
    "audit": "audit",
    "backup": "data",
    "box-key": "box",
    "box-simulator": "box",
    "broker": "broker",
    "check": "data",
    "dead-letters": "dead_letters",
    "doctor": "doctor",
    "export": "history",
    "import": "history",
    "keys": "keys",
    "leader-pin": "leader",
    "ledger": "ledger",
    "migrate": "migrate",
    "replay": "replay",
    "restore": "data",
    "subscriptions": "subscriptions",
    "tail": "tail",
    "up": "up",
}
"""The module of this package that has each."""


class Every(Group):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names, in the order of the alphabet."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None where there is none of this name."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found = vars(import_module(f"machi.commands.{module}")).values()
        return next(
            each for each in found if isinstance(each, click.Command) and each.name == cmd_name
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command the arguments begin with; of one that is unknown tell those like it."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=COMMANDS, ctx=ctx
            ) from None
