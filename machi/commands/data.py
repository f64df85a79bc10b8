"""`machi check`, `backup`, `restore`: the data folder."""

from __future__ import annotations

import glob
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
    help=t("""Copy what the broker keeps in the data folder SOURCE, running or stopped, to TARGET.

        That is entities, the feed, subscriptions, what waits for them, and history. Keys and
        accounts, the vault, logs and secrets are files of their own: it says which of them are
        there, to be copied too, and apart where they are keys.
        """),
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
    copies = {target.resolve(), beside(target).resolve()}
    others = [name for name in others_of(source) if Path(name).resolve() not in copies]
    if others:
        click.echo(t("Not in it, copy them too: {files}", files=" ".join(others)), err=True)
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


def others_of(folder: Path) -> list[str]:
    """Return the files in a data folder, and those beside it that belong to it, in no backup."""
    from broker.safe import KEY_FILE
    from broker.store.sqlite.connection import DATA_FILE
    from broker.store.sqlite.lock import LOCK_FILE
    from consent.releases.file import FILE

    known = {DATA_FILE, LOCK_FILE, FILE, KEY_FILE}
    whole = folder.resolve()
    found = [*whole.iterdir(), *whole.parent.glob(glob.escape(whole.name) + ".*")]
    names = (str(folder.parent / path.relative_to(whole.parent)) for path in sorted(found))
    aside = ("-wal", "-shm", ".machi", ".releases")
    return [name for name in names if not name.endswith(aside) and Path(name).name not in known]


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
