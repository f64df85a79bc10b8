"""`machi migrate`: all that a broker's store has, copied to another engine."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import click

from machi.commands.shared import data_errors, epilog, table
from machi.errors import DataFaulty
from machi.language import t

if TYPE_CHECKING:
    from broker.store.exchange import Sum
    from machi.migration.comparing import Difference, Key
    from machi.migration.copying import Step

SECONDS = 1.0
"""Between two reports of progress."""


@click.command(
    epilog=epilog(
        "machi migrate --from sqlite:data --to mongodb://db1,db2,db3/town?replicaSet=town",
        "machi migrate --from sqlite:data --to mongodb://db1/town?replicaSet=town --verify",
        "MACHI_MIGRATE_FROM=mongodb://machi:…@db1/town machi migrate --to sqlite:back",
    ),
    help=t("""Copy all that the broker's store --from has to the store --to.

        A store is sqlite:FOLDER or mongodb://SERVERS/DATABASE. Entities with their versions and
        times, the feed with its numbers, subscriptions, what waits for them, dead letters,
        contexts, registrations, rules, history and remembered answers of all tenants are copied;
        keys, accounts and the vault stay in the data folder. All brokers on both stores must be
        stopped. The target must be empty. A copy that was interrupted goes on when the command is
        repeated; until it is whole, no broker opens it. The source stays as it is.

        --verify copies nothing: it reads both stores, and says what differs.
        """),
)
@click.option(
    "--from",
    "source",
    required=True,
    metavar="STORE",
    envvar="MACHI_MIGRATE_FROM",
    show_envvar=True,
    help=t("Store to read."),
)
@click.option(
    "--to",
    "target",
    required=True,
    metavar="STORE",
    envvar="MACHI_MIGRATE_TO",
    show_envvar=True,
    help=t("Store to fill."),
)
@click.option("--verify", is_flag=True, help=t("Compare the two stores instead of copying."))
@click.option(
    "--slice",
    "size",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help=t("Items copied at a time."),
)
def migrate(source: str, target: str, verify: bool, size: int) -> None:
    """Copy a store, or compare two."""
    from broker.errors import MachiError
    from broker.store.exchange import ExchangeError
    from machi.migration.places import check_place

    try:
        for url in (source, target):
            check_place(url)
        with data_errors():
            if verify:
                differing, sums = asyncio.run(_compare(source, target))
                _tell(differing, sums)
            else:
                count = f"{asyncio.run(_copy(source, target, size)):,}"
                click.echo(t("{count} items are copied. Compare: add --verify.", count=count))
    except ExchangeError as error:
        raise DataFaulty(str(error)) from error
    except MachiError as error:
        raise DataFaulty(error.detail, remedy=error.remedy) from error


def _tell(differing: list[Difference], sums: dict[Key, Sum]) -> None:
    for line in [*_sums(sums), *_differing(differing)]:
        click.echo(line)
    if differing:
        raise DataFaulty(
            t("The stores differ in {count} places.", count=len(differing)),
            remedy=t("Empty the target and copy again, while no broker runs on either store."),
        )
    click.echo(t("Both stores have the same."))


async def _copy(source_url: str, target_url: str, size: int) -> int:
    from machi.migration.copying import copy
    from machi.migration.places import open_source, open_target

    source = await open_source(source_url)
    try:
        target = await open_target(target_url)
        try:
            return await copy(source, target, Reporting(), size)
        finally:
            await target.close()
    finally:
        await source.close()


async def _compare(source_url: str, target_url: str) -> tuple[list[Difference], dict[Key, Sum]]:
    from machi.migration.comparing import differences
    from machi.migration.places import open_source

    source = await open_source(source_url)
    try:
        target = await open_source(target_url)
        try:
            found, sums = await differences(source, target, _read)
            return found, dict(sums)
        finally:
            await target.close()
    finally:
        await source.close()


class Reporting:
    """Says now and then how far a copy is, how fast it goes and how long it will take."""

    def __init__(self) -> None:
        self._began = self._told = time.monotonic()
        self._first: int | None = None

    def __call__(self, step: Step) -> None:
        """Tell of a step, if the last was told of a while ago."""
        now = time.monotonic()
        if self._first is None:
            self._first = step.done_in_all
        if now - self._told < SECONDS:
            return
        self._told = now
        rate = max(step.done_in_all - self._first, 1) / (now - self._began)
        left = max(step.in_all - step.done_in_all, 0)
        click.echo(
            t(
                "{sort}: {done} of {of}; in all {all_done} of {in_all}, {rate} a second, {left} s "
                "left",
                sort=step.sort.value,
                done=f"{step.done:,}",
                of=f"{step.of:,}",
                all_done=f"{step.done_in_all:,}",
                in_all=f"{step.in_all:,}",
                rate=f"{rate:,.0f}",
                left=f"{left / rate:,.0f}",
            ),
            err=True,
        )


def _read(count: int) -> None:
    if sys.stderr.isatty():
        click.echo("\r" + t("{count} items read", count=f"{count:,}"), err=True, nl=False)


def _sums(sums: dict[Key, Sum]) -> list[str]:
    rows = [
        [tenant or "-", sort.value, f"{one.count:,}", one.digest]
        for (tenant, sort), one in sorted(sums.items())
    ]
    return table([t("tenant"), t("what"), t("count"), t("digest")], rows)


def _differing(differing: list[Difference]) -> list[str]:
    return [
        t(
            "Tenant {tenant}, {sort}: {one} in the source, {other} in the target",
            tenant=each.tenant or "-",
            sort=each.sort,
            one=each.one,
            other=each.other,
        )
        for each in differing
    ]
