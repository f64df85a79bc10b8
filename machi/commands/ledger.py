"""`machi ledger`: the books of the local currency."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import click
import orjson

from machi.commands.shared import Group, broker_options, epilog, json_option
from machi.errors import DataFaulty
from machi.language import t

if TYPE_CHECKING:
    from apps.kijiko.ledger.reading import Report

CURRENCY: Final = "urn:ngsi-ld:LocalCurrency:432032:kijiko"
REASONS: Final = {
    "unbalanced": t("its postings do not sum to zero, or it is no transfer"),
    "balance": t("its balance is not the sum of its postings"),
    "lots": t("its lots are not what its balance and postings say"),
    "negative": t("its balance is below zero"),
    "missing": t("it is gone"),
    "changed": t("it was changed after it was written"),
    "twice": t("it is in the chain twice"),
    "missing_seal": t("a link of the chain is missing"),
    "other_before": t("it does not name the link before it"),
    "changed_seal": t("the link was changed after it was written"),
}


@click.group(
    cls=Group,
    epilog=epilog("machi ledger verify"),
    help=t("Look after the books of the local currency."),
)
def ledger() -> None:
    """Look after the books."""


@ledger.command(
    epilog=epilog("machi ledger verify", "machi ledger verify --head 9f86d081…"),
    help=t("""Check that the books balance and that nothing in them was changed.

        Reads all transfers, wallets and links of the chain of a running broker. Tells the first
        transfer that was changed, wallets that differ from their postings or their lots, and how
        many transfers at the end are not sealed yet. Note down the head it prints: a later check
        with --head tells whether the chain still has that link.
        """),
)
@click.option("--currency", default=CURRENCY, show_default=True, help=t("Id of the currency."))
@click.option(
    "--head",
    default="",
    metavar="DIGEST",
    help=t("Head that an earlier check printed: the chain must still have it."),
)
@json_option
@broker_options
def verify(
    currency: str, head: str, as_json: bool, url: str, tenant: str, context: str | None
) -> None:
    """Check the books."""
    report = asyncio.run(_read(currency, url, tenant, context))
    if as_json:
        click.echo(orjson.dumps(_told(report)))
    else:
        for line in _words(report):
            click.echo(line)
    if not report.sound:
        raise DataFaulty(
            t("The books do not balance, or were changed."),
            remedy=t("Stop payments, keep a backup as evidence, and compare it with earlier ones."),
        )
    if head and head not in report.chain.digests:
        raise DataFaulty(
            t("The chain has no link with the digest {head}.", head=head),
            remedy=t("Its end was cut off, or it was written anew: compare it with a backup."),
        )


async def _read(currency: str, url: str, tenant: str, context: str | None) -> Report:
    from apps.kijiko.ledger.reading import verify_ledger
    from broker.client import Client, Refused, Unreachable
    from machi.api import unreachable
    from machi.errors import Refusal
    from machi.key import key_for

    key = key_for(url)
    try:
        async with Client(url, tenant=tenant, context=context, name="machi", key=key) as client:
            return await verify_ledger(client, currency)
    except Unreachable as error:
        raise unreachable(url, error) from error
    except Refused as error:
        problem = error.problem
        raise Refusal(
            f"{problem.get('detail', error)} [{problem.get('place', '?')}]",
            remedy=str(problem.get("remedy", "")),
        ) from error


def _told(report: Report) -> dict[str, object]:
    broken = report.chain.broken
    return {
        "wallets": report.wallets,
        "transfers": report.transfers,
        "sealed": report.chain.sealed,
        "unsealed": len(report.chain.unsealed),
        "head": report.chain.tip.digest,
        "busy": report.busy,
        "faults": [
            {"id": one.id, "reason": one.reason, "expected": one.expected, "found": one.found}
            for one in report.faults
        ],
        "broken": broken
        and {"seal": broken.seal, "transfer": broken.transfer, "reason": broken.reason},
    }


def _words(report: Report) -> list[str]:
    chain = report.chain
    said = [
        t(
            "{transfers} transfers, {wallets} wallets",
            transfers=report.transfers,
            wallets=report.wallets,
        ),
        t("{sealed} transfers are in the chain", sealed=chain.sealed),
    ]
    if chain.unsealed and chain.broken is None:
        said.append(t("{number} of them at the end have no seal", number=len(chain.unsealed)))
    if report.busy:
        said.append(t("{number} wallets were too busy to compare", number=len(report.busy)))
    for one in report.faults:
        figures = {"expected": one.expected, "found": one.found}
        why = t("{expected} expected, {found} found", **figures)
        differs = f" ({why})" if one.expected != one.found else ""
        said.append(f"{one.id}: {REASONS[one.reason]}{differs}")
    if chain.broken is not None:
        named = chain.broken.transfer or chain.broken.seal
        said.append(f"{named}: {REASONS[chain.broken.reason]}")
    said.append(t("head {head}", head=chain.tip.digest))
    return said
