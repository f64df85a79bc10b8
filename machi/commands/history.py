"""`machi import history`, `machi export history`: history as files."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from machi.commands.shared import broker_option, data_errors, data_option, epilog
from machi.errors import DataFaulty, MachiCommandError
from machi.language import t

if TYPE_CHECKING:
    from broker.jsonld.context import Context
    from machi.history.disclosing import Taken
    from machi.history.sources import Source

tenant_option = click.option(
    "--tenant",
    default="",
    envvar="MACHI_TENANT",
    show_envvar=True,
    help=t("Tenant; the default one if left out."),
)
context_option = click.option(
    "--context",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help=t("JSON-LD context that names are read and shown by; the core context if left out."),
)


@click.group(
    "import",
    epilog=epilog("machi import history levels.csv --type RiverLevelStation"),
    help=t("Bring data in."),
)
def import_group() -> None:
    """Bring data in."""


@click.group(
    "export",
    epilog=epilog("machi export history --type RiverLevelStation > levels.csv"),
    help=t("Take data out."),
)
def export_group() -> None:
    """Take data out."""


@import_group.command(
    "history",
    epilog=epilog(
        "machi import history levels.csv --type RiverLevelStation",
        "machi import history kuma.csv --id urn:ngsi-ld:RiverLevelStation:1 "
        "--type RiverLevelStation --time 時刻 --zone Asia/Tokyo",
        "machi import history temporal.jsonl --data data",
    ),
    help=t("""Bring the file SOURCE into history, with the data's own times.

        CSV and JSON lines with a column for the time, and either columns attribute and value or
        one for each attribute; or NGSI-LD temporal entities, one a line (.jsonl) or in one file
        (.json). The broker must be stopped. What is interrupted goes on where it was when it is
        repeated, and what history has already is kept once.
        """),
)
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@data_option
@tenant_option
@context_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "json"]),
    help=t("What the file is, where its name does not tell."),
)
@click.option("--id", "entity_id", default="", help=t("Entity, where there is no column id."))
@click.option("--type", "entity_type", default="", help=t("Type, where there is no column type."))
@click.option(
    "--time",
    default="observedAt",
    show_default=True,
    help=t("Column with the time of each row."),
)
@click.option(
    "--zone",
    default="UTC",
    show_default=True,
    callback=lambda ctx, option, given: _zone(given),
    help=t("Time zone of times that name none, such as Asia/Tokyo."),
)
def import_history(
    source: Path,
    data: Path,
    tenant: str,
    context: Path | None,
    form: str | None,
    entity_id: str,
    entity_type: str,
    time: str,
    zone: tzinfo,
) -> None:
    """Bring a file into history."""
    from broker.clock import now
    from broker.model.times import microseconds
    from machi.history.errors import UnreadableSource
    from machi.history.sources import Source, format_of, identity
    from machi.history.tables import Reading

    try:
        names = _context(context)
        form = form or format_of(source)
        reading = Reading(names.expand, entity_id, entity_type, time, zone)
        told = Source(source, form, reading, names, microseconds(now()))
        name = identity(source, tenant, form, entity_id, entity_type, time, str(zone))
        with data_errors():
            count = asyncio.run(_bring(data, tenant, told, name))
    except UnreadableSource as error:
        raise DataFaulty(str(error), remedy=t("What was read before it is kept.")) from error
    click.echo(t("{count} instances of {source} are history", count=count, source=source))


@export_group.command(
    "history",
    epilog=epilog(
        "machi export history --type RiverLevelStation > levels.csv",
        "machi export history --id urn:ngsi-ld:RiverLevelStation:1 --attribute waterLevel "
        "--after 2020-07-03T00:00:00Z --before 2020-07-05T00:00:00Z",
        "machi export history --output history.parquet",
    ),
    help=t("""Take series out of history as a table, also beside a running broker.

        What changed within the last second may be missing. machi import history reads the CSV back.
        Persons whose data are in it find that in their logs; a broker that runs writes it there.
        """),
)
@data_option
@tenant_option
@context_option
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help=t("File to write, .csv or .parquet; CSV to the standard output if left out."),
)
@click.option("--id", "ids", multiple=True, help=t("Only this entity; repeatable."))
@click.option("--type", "types", multiple=True, help=t("Only entities of this type; repeatable."))
@click.option("--attribute", "attributes", multiple=True, help=t("Only this one; repeatable."))
@click.option("--after", default="", help=t("Only what was observed then or later."))
@click.option("--before", default="", help=t("Only what was observed earlier."))
@broker_option
def export_history(
    data: Path,
    tenant: str,
    context: Path | None,
    output: Path | None,
    ids: tuple[str, ...],
    types: tuple[str, ...],
    attributes: tuple[str, ...],
    after: str,
    before: str,
    url: str,
) -> None:
    """Take series out of history."""
    from broker.errors import NonexistentTenant
    from broker.store.history import TimeProperty, Window
    from broker.store.sqlite.history.archive import Archive, Told
    from machi.history.disclosing import persons
    from machi.history.taking import NoParquet, rows_of, write_csv, write_parquet

    names = _context(context)
    start, end = _time(after), _time(before)
    observed = None if start is None and end is None else TimeProperty.OBSERVED
    of_types = {names.expand(name) for name in types}
    of_attributes = {names.expand(name) for name in attributes}

    def wanted(told: Told) -> bool:
        return (
            (not ids or told.entity_id in ids)
            and (not of_types or not of_types.isdisjoint(told.types))
            and (not of_attributes or told.attribute in of_attributes)
        )

    try:
        with data_errors(), closing(Archive(data, tenant)) as archive:
            _note(data, tenant, persons(archive, wanted), url)
            rows = rows_of(archive, wanted, Window(observed, start, end), names.compact)
            if output is None:
                write_csv(rows, sys.stdout)
                return
            # Who reads the file meanwhile, or after this was interrupted, finds a whole one.
            part = output.with_name(f".{output.name}.part")
            try:
                if output.suffix.lower() == ".parquet":
                    count = write_parquet(rows, part)
                else:
                    with part.open("w", encoding="utf-8", newline="") as file:
                        count = write_csv(rows, file)
                part.replace(output)
            finally:
                part.unlink(missing_ok=True)
    except NonexistentTenant as error:
        raise DataFaulty(str(error)) from error
    except NoParquet as error:
        raise MachiCommandError(str(error)) from error
    click.echo(t("{count} instances are in {output}", count=count, output=output))


def _note(data: Path, tenant: str, taken: Iterable[Taken], url: str) -> None:
    """Write down whose data are taken out; nothing is where that cannot be."""
    from broker.client import ClientError
    from consent.files import Unusable
    from consent.vault.errors import VaultError
    from machi.history.disclosing import note

    try:
        note(data, tenant, taken, url)
    except (ClientError, OSError, Unusable, VaultError) as error:
        raise MachiCommandError(
            t("It cannot be noted whose data are taken out: {error}", error=error),
            remedy=t("Give the broker that runs on these data with --broker, or stop it."),
        ) from error


async def _bring(data: Path, tenant: str, source: Source, name: str) -> int:
    from broker.store.sqlite import SqliteStore
    from machi.history.bringing import bring

    store = SqliteStore(data)
    await store.open()
    try:
        return await bring(store, tenant, source, name, _progress(source.path.name))
    finally:
        await store.close()


def _progress(label: str) -> Callable[[int, int], None]:
    """Return what shows a bar on a terminal, and nothing elsewhere."""
    width = 30

    def show(done: int, size: int) -> None:
        if not sys.stderr.isatty():
            return
        share = done / size if size else 1.0
        bar = "#" * round(share * width)
        click.echo(f"\r{label} [{bar:<{width}}] {share:4.0%}", err=True, nl=done >= size)

    return show


def _context(path: Path | None) -> Context:
    """Return the context in a file, or the core context."""
    import orjson

    from broker.errors import MachiError

    document: Any = None
    try:
        if path is not None:
            document = orjson.loads(path.read_bytes())["@context"]
        return asyncio.run(_resolved(document, str(path)))
    except (MachiError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise click.BadParameter(f"{path} has no usable @context: {error}") from error


async def _resolved(document: Any, place: str) -> Context:
    from broker.egress import Egress
    from broker.jsonld.loader import ContextLoader

    loader = ContextLoader(Egress(local=True))
    try:
        return await loader.resolve(document, place=place)
    finally:
        await loader.close()


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise click.BadParameter(f"{name} is no time zone; give one such as Asia/Tokyo") from error


def _time(text: str) -> int | None:
    from broker.model.times import is_datetime, microseconds

    if text and not is_datetime(text):
        raise click.UsageError(f"{text} is no time: write 2020-07-04T06:00:00Z")
    return microseconds(text) if text else None
