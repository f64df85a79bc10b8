"""The command `machi`."""

from __future__ import annotations

import click

from machi.commands.every import Every
from machi.commands.shared import epilog
from machi.language import t


@click.group(
    cls=Every,
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
