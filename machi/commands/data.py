"""`machi check`, `backup`, `restore`: the data folder."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from machi.commands.shared import data_errors, data_option, epilog, file_errors
from machi.errors import DataFaulty
from machi.language import t


@click.command(
    epilog=epilog("machi check --data data"),
    help=t("Check that the data in a folder are whole: file, indexes, change feed."),
)
@data_option
def check(data: Path) -> None:
    """Check a data folder."""
    from broker.store.sqlite.maintenance import check as check_data

    with data_errors():
        faults = check_data(data)
    for fault in faults:
        click.echo(fault)
    if faults:
        raise DataFaulty(
            t("{faults} faults found in {data}.", faults=len(faults), data=data),
            remedy=t("Restore a backup: machi restore BACKUP --data DIR"),
        )
    click.echo(t("{data} is whole", data=data))


@click.command(
    epilog=epilog("machi backup data town-2026-07-04.machi"),
    help=t("Copy the data folder SOURCE of a running or stopped broker to the file TARGET."),
)
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def backup(source: Path, target: Path) -> None:
    """Copy a data folder."""
    from broker.safe import KEY_FILE
    from broker.store.sqlite.maintenance import backup as backup_data
    from consent.releases.file import FILE

    def progress(done: int, pages: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{done} / {pages}", err=True, nl=done == pages)

    with data_errors(), file_errors():
        backup_data(source, target, progress)
        _carry(source / FILE, beside(target))
    click.echo(t("{source} is copied to {target}", source=source, target=target))
    key = source / KEY_FILE
    if key.exists():
        said = t(
            "{key} is not in it: keep a copy apart, or tokens of receivers cannot be read.", key=key
        )
        click.echo(said, err=True)


@click.command(
    epilog=epilog("machi restore town-2026-07-04.machi --data data --force"),
    help=t("Put the backup file SOURCE in place as a data folder. The broker must be stopped."),
)
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@data_option
@click.option("--force", is_flag=True, help=t("Replace data that are there."))
def restore(source: Path, data: Path, force: bool) -> None:
    """Put a backup in place."""
    from broker.store.sqlite.maintenance import restore as restore_data
    from consent.releases.file import FILE

    with data_errors(), file_errors():
        restore_data(source, data, force=force)
        _carry(beside(source), data / FILE)
    click.echo(t("{source} is restored to {data}", source=source, data=data))


def beside(backup: Path) -> Path:
    """Return the file beside a backup that has the tables of people that were released.

    It is copied after the data: what is released meanwhile is in it, and stays released.
    """
    return backup.with_name(backup.name + ".releases")


def _carry(source: Path, target: Path) -> None:
    from consent.files import Unusable
    from consent.releases.file import copy

    if not source.exists():
        return
    try:
        copy(source, target)
    except Unusable as error:
        raise DataFaulty(str(error), remedy=t("Put the file of the same backup there.")) from error
