"""`machi audit`: the disclosure log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from machi.commands.shared import Group, data_option, epilog, json_option
from machi.errors import DataFaulty
from machi.language import t

if TYPE_CHECKING:
    from consent.log.chain import Verdict


@click.group(
    cls=Group,
    epilog=epilog("machi audit verify"),
    help=t("""Look after the log of who was shown which person's data.

        Works on the data folder, also while the broker runs.
        """),
)
def audit() -> None:
    """Look after the disclosure log."""


@audit.command(
    epilog=epilog("machi audit verify", "machi audit verify --head 9f86d081…"),
    help=t("""Check that nothing in the disclosure log was changed since it was written.

        Tells the first line that was changed, and how many entries at the end have no seal yet.
        Note down the head it prints: a later check with --head tells whether the log still has
        that line, so that nobody can cut off its end.
        """),
)
@click.option(
    "--head",
    default="",
    metavar="DIGEST",
    help=t("Head that an earlier check printed: the log must still have it."),
)
@data_option
@json_option
def verify(head: str, data: Path, as_json: bool) -> None:
    """Check the disclosure log."""
    from consent.log.chain import digest
    from consent.log.chain import verify as verify_lines
    from consent.log.file import FILE, lines

    path = data / FILE
    if not path.exists():
        raise DataFaulty(
            t("There is no disclosure log in {data}.", data=data),
            remedy=t("Check --data; a broker with --auth embedded writes one."),
        )
    verdict = verify_lines(lines(path), _key(data))
    if as_json:
        click.echo(orjson.dumps(_told(verdict)))
    else:
        for line in _words(verdict):
            click.echo(line)
    if verdict.fault is not None:
        raise DataFaulty(
            t("{path} was changed.", path=path),
            remedy=t("Keep the file as evidence, and compare it with a backup."),
        )
    if head and not any(digest(line) == head for line in lines(path)):
        raise DataFaulty(
            t("{path} has no line with the digest {head}.", path=path, head=head),
            remedy=t("Its end was cut off: keep the file, and compare it with a backup."),
        )


def _key(data: Path) -> bytes:
    from consent.log.log import SEALS
    from consent.vault.errors import VaultError
    from consent.vault.master import derived, master_key

    try:
        return derived(master_key(data, make=False), SEALS)
    except VaultError as error:
        raise DataFaulty(str(error)) from error


def _told(verdict: Verdict) -> dict[str, object]:
    fault = verdict.fault
    return {
        "entries": verdict.entries,
        "unsealed": verdict.unsealed,
        "head": verdict.head,
        "fault": fault and {"line": fault.line, "offset": fault.offset, "reason": fault.reason},
    }


def _words(verdict: Verdict) -> list[str]:
    fault = verdict.fault
    said = [t("{entries} entries are as they were written", entries=verdict.entries)]
    if verdict.unsealed:
        said.append(t("{number} of them at the end have no seal", number=verdict.unsealed))
    said.append(t("head {head}", head=verdict.head))
    if fault is not None:
        place = {"line": fault.line, "offset": fault.offset}
        said.append(t("line {line}, from byte {offset}: {reason}", **place, reason=fault.reason))
    return said
