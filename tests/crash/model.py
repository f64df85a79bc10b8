"""What a client knows: what it sent, what was answered, and so what must be stored (pure).

Every change writes a number never used before into `step`, so a stored entity tells exactly
which of its client's writes it is the result of, and a mixture of two is seen at once.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

Attrs = dict[str, int]
State = dict[str, Attrs]

ITEM = "CrashItem"
TRANSFER = "CrashTransfer"
ACCOUNT = "CrashAccount"

ACCOUNTS = 10
OPENING = 1000
TOTAL = ACCOUNTS * OPENING
ENOUGH_ITEMS = 40


class Kind(StrEnum):
    """The requests a client makes."""

    CREATE = "create"
    PATCH = "patch"
    APPEND = "append"
    MERGE = "merge"
    DELETE = "delete"
    UPSERT = "upsert"
    SEVERAL = "several"
    TRANSFER = "transfer"


WEIGHTS = {
    Kind.CREATE: 14,
    Kind.PATCH: 24,
    Kind.APPEND: 10,
    Kind.MERGE: 10,
    Kind.DELETE: 5,
    Kind.UPSERT: 7,
    Kind.SEVERAL: 12,
    Kind.TRANSFER: 18,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `before` and `after` hold the entities it touches; None is absent.

    `whole` steps happen wholly or not at all; of the others (batches) each entity does.
    `moves` are (account, amount) added in the same transaction. `key` is the idempotency key.
    """

    kind: Kind
    before: dict[str, Attrs | None]
    after: dict[str, Attrs | None]
    whole: bool = True
    moves: tuple[tuple[str, int], ...] = ()
    key: str = ""


def account_id(number: int) -> str:
    """Return the id of an account."""
    return f"urn:ngsi-ld:{ACCOUNT}:{number}"


def opening() -> State:
    """Return the accounts as they begin."""
    return {account_id(n): {"balance": OPENING} for n in range(ACCOUNTS)}


@dataclass(slots=True)
class Client:
    """One client: it makes one request at a time, and alone writes its items and transfers.

    `doubt` is the request that was sent and not answered when the power or the process went.
    `changes` counts the changes each entity has had, `moved` sums what went to each account.
    """

    name: str
    draw: Random
    items: State = field(default_factory=dict)
    transfers: State = field(default_factory=dict)
    doubt: Step | None = None
    changes: dict[str, int] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    moves: dict[str, int] = field(default_factory=dict)
    used: int = 0

    def next(self) -> Step:
        """Return the next request; it is in doubt until `settle` is told how it ended."""
        kind = self.draw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if len(self.items) < 6:
            kind = Kind.CREATE
        elif len(self.items) > ENOUGH_ITEMS and kind in {Kind.CREATE, Kind.UPSERT}:
            kind = Kind.DELETE
        self.doubt = self._step(kind)
        return self.doubt

    def settle(self, done: bool) -> None:
        """Take the request in doubt for done, or for without effect."""
        assert self.doubt is not None
        if done:
            self._take(self.doubt, self.doubt.after)
        self.doubt = None

    def reconcile(self, found: State) -> list[str]:
        """Hold the stored entities of this client against what it knows; return what is wrong.

        `found` has all entities of this client that are stored. A request in doubt is settled
        by what is found: wholly there or wholly not.
        """
        wrong: list[str] = []
        doubt, self.doubt = self.doubt, None
        if doubt is not None:
            there = {i: after for i, after in doubt.after.items() if found.get(i) == after}
            absent = [i for i, before in doubt.before.items() if found.get(i) == before]
            if len(there) + len(absent) < len(doubt.after):
                wrong.append(f"{self.name}: torn {doubt.kind}: {self._shown(doubt, found)}")
            elif doubt.whole and there and absent:
                wrong.append(f"{self.name}: half-applied {doubt.kind}: {sorted(there)}")
            self._take(doubt, there)
        known = self.items | self.transfers
        for entity_id in known.keys() | found.keys():
            if known.get(entity_id) != found.get(entity_id):
                expected, stored = known.get(entity_id), found.get(entity_id)
                wrong.append(f"{self.name}: {entity_id} answered {expected}, stored {stored}")
        return wrong

    def _take(self, step: Step, after: dict[str, Attrs | None]) -> None:
        for entity_id, attrs in after.items():
            self.changes[entity_id] = self.changes.get(entity_id, 0) + 1
            shelf = self.transfers if f":{TRANSFER}:" in entity_id else self.items
            if attrs is None:
                del shelf[entity_id]
            else:
                shelf[entity_id] = attrs
        if after:
            for account, amount in step.moves:
                self.moved[account] = self.moved.get(account, 0) + amount
                self.moves[account] = self.moves.get(account, 0) + 1

    def _shown(self, step: Step, found: State) -> str:
        return "; ".join(
            f"{i}: before {step.before[i]}, after {step.after[i]}, stored {found.get(i)}"
            for i in step.after
        )

    def _number(self) -> int:
        self.used += 1
        return self.used

    def _new_id(self, kind: str) -> str:
        return f"urn:ngsi-ld:{kind}:{self.name}:{self._number()}"

    def _some(self, count: int) -> list[str]:
        return self.draw.sample(sorted(self.items), count)

    def _fresh(self) -> Attrs:
        return {"step": self._number(), "size": self.draw.randrange(1000)}

    def _step(self, kind: Kind) -> Step:
        after: dict[str, Attrs | None] = {}
        moves: tuple[tuple[str, int], ...] = ()
        if kind is Kind.CREATE:
            after = {self._new_id(ITEM): self._fresh()}
        elif kind is Kind.DELETE:
            after = {self._some(1)[0]: None}
        elif kind is Kind.UPSERT:
            ids = self._some(5) + [self._new_id(ITEM) for _ in range(3)]
            after = {entity_id: self._fresh() for entity_id in ids}
        elif kind is Kind.SEVERAL:
            merged, doomed = self._some(2)
            after = {
                self._new_id(ITEM): self._fresh(),
                merged: self._merged(merged),
                doomed: None,
            }
        elif kind is Kind.TRANSFER:
            payer, payee = self.draw.sample(range(ACCOUNTS), 2)
            amount = self.draw.randint(1, 60)
            after = {self._new_id(TRANSFER): {"amount": amount}}
            moves = ((account_id(payer), -amount), (account_id(payee), amount))
        else:
            entity_id = self._some(1)[0]
            changed = {
                Kind.PATCH: self._patched,
                Kind.APPEND: self._appended,
                Kind.MERGE: self._merged,
            }[kind]
            after = {entity_id: changed(entity_id)}
        key = f"{self.name}-{self._number()}" if kind in {Kind.SEVERAL, Kind.TRANSFER} else ""
        before = {entity_id: self.items.get(entity_id) for entity_id in after}
        return Step(kind, before, after, kind is not Kind.UPSERT, moves, key)

    def _patched(self, entity_id: str) -> Attrs:
        return {**self.items[entity_id], "step": self._number()}

    def _appended(self, entity_id: str) -> Attrs:
        number = self._number()
        more = {"step": number, f"extra{number % 7}": number}
        return {**self.items[entity_id], **more}

    def _merged(self, entity_id: str) -> Attrs:
        attrs = self.items[entity_id]
        extras = [name for name in attrs if name.startswith("extra")]
        dropped = self.draw.choice(extras) if extras else ""
        return {**{n: v for n, v in attrs.items() if n != dropped}, "step": self._number()}
