"""Loops between subscribers: a notification that comes back as the change it told of.

Two things find them. A receiver that writes because of a notification may pass on its header
`Machi-Chain`, a signed list of the subscriptions that led here; one that appears in its own chain
too often is a loop. Most receivers drop the header: for them there is an experiment. Where an
entity's changes come one at a time, each soon after the notification of the one before, for many
rounds, the next notification is held back a little. Changes that come all the same do not depend
on it: no loop, and it goes out at once. Silence, three times over, is a loop.

A loop is stopped by letting the notification that would go on with it die, with the reason.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from broker.store.contract import Committed

MOST_ROUNDS: Final = 8
"""How often a subscription may appear in a chain."""

LONGEST_CHAIN: Final = 64
SUSPICIOUS: Final = 64
"""Rounds after which a notification is held back for the first time."""

BETWEEN_PROBES: Final = 8
PROBES: Final = 3
SOON: Final = 1.0
"""Seconds after a notification within which a change counts as its possible consequence."""

SHORTEST_HOLD: Final = 1.0
EXEMPT: Final = 3600.0
"""Seconds for which a pair that is no loop is left alone."""

REMEMBERED: Final = 8192

CHAINED: Final = (
    f"Stopped a loop: its own notifications led to this change {MOST_ROUNDS} times in a row, "
    "as Machi-Chain shows. Let the receiver not write what it is notified of; then replay."
)
PROBED: Final = (
    "Stopped a loop: for many rounds this entity changed only after it was notified of, and when "
    "notifications were held back, changes ceased. Let the receiver not write what it is notified "
    "of; then replay."
)

_HEADER = re.compile(r"(\d{1,15}(?:\.\d{1,15})*)~([0-9a-f]{16})")

Chain = tuple[int, ...]


@dataclass(slots=True)
class _Pair:
    """A subscription and an entity: how its changes and notifications follow each other."""

    rounds: int = 0
    sent: float | None = None
    gap: float = 0.0
    since: int = 0
    waiting: int = 0
    held: bool = False
    silent: int = 0
    exempt: float = 0.0


class Chains:
    """Which subscriptions led to a change, as far as receivers tell. `key` signs what they send."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._of: OrderedDict[int, Chain] = OrderedDict()
        self._writing: dict[tuple[str, str], Chain] = {}
        self._first: dict[int, str] = {}

    def header(self, sid: int, seq: int) -> str:
        """Return the `Machi-Chain` of a notification."""
        chain = self._of.get(seq)
        if chain is not None:
            return self._signed((*chain, sid)[-LONGEST_CHAIN:])
        text = self._first.get(sid)
        if text is None:
            if len(self._first) >= REMEMBERED:
                self._first.clear()
            text = self._first[sid] = self._signed((sid,))
        return text

    def rounds(self, sid: int, seq: int) -> int:
        """Return how often a subscription appears in the chain that led to a change."""
        return self._of[seq].count(sid) if seq in self._of else 0

    def writing(self, tenant: str, ids: Iterable[str], header: str) -> Callable[[], None]:
        """Note that a write on these entities carries a chain, until the result is called."""
        chain = self._read(header)
        places = [(tenant, one) for one in ids] if chain else []
        self._writing.update(dict.fromkeys(places, chain))

        def done() -> None:
            for place in places:
                self._writing.pop(place, None)

        return done

    def committed(self, changes: Sequence[Committed]) -> None:
        """Take the chains of changes that such a write made: a listener of the store."""
        if not self._writing:
            return
        for one in changes:
            chain = self._writing.get((one.change.tenant, one.change.entity_id))
            if chain:
                self._of[one.change.seq] = chain
                if len(self._of) > REMEMBERED:
                    self._of.popitem(last=False)

    def _signed(self, chain: Chain) -> str:
        text = ".".join(map(str, chain))
        return f"{text}~{self._sign(text)}"

    def _sign(self, text: str) -> str:
        return blake2b(text.encode(), key=self._key, digest_size=8).hexdigest()

    def _read(self, header: str) -> Chain:
        """Return a chain this broker signed; of any other, none: it counts for nothing."""
        found = _HEADER.fullmatch(header.strip())
        if found is None or self._sign(found[1]) != found[2]:
            return ()
        return tuple(map(int, found[1].split(".")))


class Rounds:
    """The experiment. Times are seconds of a clock that never jumps."""

    def __init__(self) -> None:
        self._pairs: OrderedDict[tuple[int, str], _Pair] = OrderedDict()

    def queued(self, sid: int, entity: str, now: float) -> bool:
        """Note that a change waits to be told; return whether this ends a hold."""
        pair = self._pairs.get((sid, entity))
        if pair is None:
            pair = self._pairs[sid, entity] = _Pair()
            if len(self._pairs) > REMEMBERED:
                self._pairs.popitem(last=False)
        refuted = pair.held
        if refuted:
            pair.held = False
            pair.rounds = pair.silent = 0
            pair.exempt = now + EXEMPT
        elif pair.sent is not None and not pair.waiting and not pair.since:
            pair.gap = now - pair.sent
            pair.rounds = pair.rounds + 1 if pair.gap <= SOON else 0
        else:
            pair.rounds = 0
        if not pair.rounds:
            pair.silent = 0
        pair.waiting += 1
        pair.since += 1
        return refuted

    def sent(self, sid: int, entity: str, now: float) -> None:
        """Note that a change is being told."""
        pair = self._pairs.get((sid, entity))
        if pair is not None:
            pair.sent = now
            pair.since = 0
            pair.waiting = max(0, pair.waiting - 1)

    def hold(self, sid: int, entity: str, now: float) -> float:
        """Return the seconds to hold a notification back; 0 to send it, less to stop a loop."""
        pair = self._pairs.get((sid, entity))
        if pair is None or pair.rounds < SUSPICIOUS or now < pair.exempt:
            return 0.0
        self._pairs.move_to_end((sid, entity))
        if not pair.held:
            pair.held = True
            return max(SHORTEST_HOLD, 4 * pair.gap)
        pair.held = False
        pair.silent += 1
        pair.rounds = SUSPICIOUS - BETWEEN_PROBES
        if pair.silent < PROBES:
            return 0.0
        del self._pairs[sid, entity]
        return -1.0
