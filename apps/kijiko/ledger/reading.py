"""Reading the whole ledger while it is written to.

Wallets are read after the transfers. Where one differs from its postings, that may be only because
it moved in between: it is looked at by itself, and judged where it had the same version before and
after its postings were read, so that it was moved by exactly these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from apps.kijiko.ledger.audit import Fault, own_fault, summed
from apps.kijiko.ledger.chain import SEAL, Verdict, seal_from, verify
from apps.kijiko.ledger.transfer import TRANSFER, digest
from apps.kijiko.ledger.wallet import WALLET, wallet_from
from broker.client import Client, Entity, NotFound, value

TRIES: Final = 5


class Restless(Exception):
    """A wallet changed each time it was looked at."""


@dataclass(slots=True)
class Report:
    """What verifying a ledger found. `busy` are wallets that never rested meanwhile."""

    chain: Verdict
    wallets: int = 0
    transfers: int = 0
    faults: list[Fault] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.faults and self.chain.broken is None


async def verify_ledger(client: Client, currency: str) -> Report:
    """Read everything of a currency and compare it. Raises ClientError."""
    seals = [seal_from(one) for one in (await read_all(client, SEAL, currency)).values()]
    transfers = await read_all(client, TRANSFER, currency)
    wallets = await read_all(client, WALLET, currency)
    sums, faults = summed(transfers.values())
    chain = verify(seals, {name: digest(one) for name, one in transfers.items()})
    report = Report(chain, len(wallets), len(transfers), faults)
    for name in sorted(wallets):
        wallet = wallet_from(wallets[name])
        if own_fault(wallet) or sums.fault(wallet):
            try:
                fault = await examine(client, name)
            except Restless:
                report.busy.append(name)
            else:
                report.faults += [fault] if fault is not None else []
    for name in sorted(sums.balances):
        if name not in wallets:
            report.faults.append(Fault(name, "missing", sums.balances[name]))
    return report


async def examine(client: Client, wallet_id: str) -> Fault | None:
    """Return what is wrong between one wallet and its postings. Raises Restless, ClientError."""
    for _ in range(TRIES):
        entity, version = await client.retrieve_with_version(wallet_id)
        wallet = wallet_from(entity)
        if (fault := own_fault(wallet)) is not None:
            return fault
        try:
            found = await client.query(type=TRANSFER, q=f'refWallet=="{wallet_id}"')
        except NotFound:
            found = []
        if (await client.retrieve_with_version(wallet_id))[1] == version:
            sums, faults = summed({one["id"]: one for one in found}.values())
            return faults[0] if faults else sums.fault(wallet)
    raise Restless(wallet_id)


async def read_all(client: Client, kind: str, currency: str) -> dict[str, Entity]:
    """Return all entities of a type that are of a currency, by id."""
    found: dict[str, Entity] = {}
    try:
        async for page in client.pages(kind):
            found |= {one["id"]: one for one in page if value(one, "refCurrency") == currency}
    except NotFound:
        return {}
    return found
