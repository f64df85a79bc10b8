"""Counts for a caller: what `aggregateOnly` policies offer, counted from those who agreed to it.

A table is of one day in Japan that has been over for an hour: different people, by an attribute
and by steps of time. It is made when it is first asked for, and never again: two releases of one
day are the same bytes, so that their difference tells nothing, whoever came or went meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta, timezone
from itertools import product
from typing import Any, Final

from broker.clock import Clock
from broker.errors import Conflict, InvalidRequest, ResourceNotFound
from broker.guard import Action, Caller
from broker.model.entity import Entity
from broker.query.ast import And, Compare, EntityQuery, HasType, Moment, Op, Path
from broker.store.contract import Store
from consent.guard import PolicyGuard
from consent.policies.rule import Rule
from consent.records.model import HOLDER, moment, value
from consent.releases.file import Place, Releases
from consent.transform.counts import PARTNERS, PUBLIC, counted, released

RECIPIENT: Final = "client:counts"
"""Who must be among the recipients of a consent, for its person to be counted."""
JAPAN: Final = timezone(timedelta(hours=9))
AFTER: Final = timedelta(hours=1)
"""How long a day is over before it is counted."""
DAYS: Final = 366
ROUNDING: Final = 5
_PAGE: Final = 500


class Counting:
    """Counts of a running broker (`broker.counts.Counts`)."""

    def __init__(self, guard: PolicyGuard, releases: Releases, clock: Clock) -> None:
        self._guard = guard
        self._releases = releases
        self._clock = clock
        self._store: Store | None = None

    def begin(self, store: Store) -> None:
        """Count what a store has."""
        self._store = store

    def close(self) -> None:
        """Close the file of what was released."""
        self._releases.close()

    def offered(self, caller: Caller, tenant: str) -> list[dict[str, Any]]:
        """Return what is counted for a caller."""
        return [_said(rule) for rule in self._for(caller, tenant)]

    async def release(self, caller: Caller, tenant: str, name: str, day: str) -> dict[str, Any]:
        """Return a table. Raises ResourceNotFound, InvalidRequest, Conflict."""
        rule = next((one for one in self._for(caller, tenant) if one.policy == name), None)
        if rule is None:
            raise ResourceNotFound(
                "Nothing is counted by this name.",
                place="path:policyId",
                remedy="See GET /ngsi-ld/ex/v1/counts.",
            )
        since = self._over(day)
        (kind,) = rule.types or ("",)
        place = Place(tenant, kind, day)
        if self._releases.get(place) is None:
            people = self._agreed(rule, tenant, kind)
            if not people:
                return {**_said(rule), "day": day, "counts": []}
            seen = [one async for one in self._seen(rule, tenant, kind, people, since)]
            told = {**_said(rule), "day": day, "counts": _table(rule, since, seen)}
            await self._releases.keep(place, name, told)
        found = self._releases.get(place)
        assert found is not None
        if found[0] != name:
            raise Conflict(
                "These people were counted for that day in another table.",
                place="path:policyId",
                remedy=f"Ask for {found[0]}: two tables of one day would give groups away.",
            )
        return found[1]

    def _for(self, caller: Caller, tenant: str) -> list[Rule]:
        client, now = self._guard.known(caller), self._clock()
        if client is not None and client.tenants is not None and tenant not in client.tenants:
            return []
        return [
            rule
            for rule in self._guard.counted
            if Action.READ in rule.actions
            and (rule.tenants is None or tenant in rule.tenants)
            and (rule.since is None or rule.since <= now)
            and (rule.until is None or now < rule.until)
            and rule.names(client)
        ]

    def _over(self, day: str) -> datetime:
        """Return when a day began. Raises InvalidRequest for one that is not over, or long ago."""
        last = datetime.fromisoformat(self._clock()).astimezone(JAPAN) - AFTER - timedelta(days=1)
        for back in range(DAYS):
            one = last.date() - timedelta(days=back)
            if one.isoformat() == day:
                return datetime.combine(one, time(), JAPAN)
        raise InvalidRequest(
            "This is no day that was over for an hour, within the last year.",
            place="query:day",
            remedy=f"Write a day in Japan, such as {last.date()}.",
        )

    def _agreed(self, rule: Rule, tenant: str, kind: str) -> tuple[str, ...]:
        """Return the persons who agreed to be counted so."""
        known, now = self._guard.register.of(tenant), self._clock()
        needed = {how.attribute for how in rule.transform}
        return tuple(
            sorted(
                {
                    one.principal
                    for purpose in rule.purposes or ()
                    for one in known.given(purpose, now)
                    if RECIPIENT in one.recipients
                    and kind in one.types
                    and (one.attributes is None or needed <= one.attributes)
                }
            )
        )

    async def _seen(
        self, rule: Rule, tenant: str, kind: str, people: tuple[str, ...], since: datetime
    ) -> Any:
        """Yield (person, row, column) of the entities of a day."""
        assert self._store is not None
        seen = Path((rule.transform[1].attribute,))
        where = And(
            (
                HasType(kind),
                rule.where,
                Compare(Path((HOLDER,)), Op.EQ, people),
                Compare(seen, Op.GE, (_utc(since),)),
                Compare(seen, Op.LT, (_utc(since + timedelta(days=1)),)),
            )
        )
        after: str | None = None
        while True:
            page = await self._store.query(tenant, EntityQuery(where, limit=_PAGE, after=after))
            for record in page.records:
                cell = _cell(rule, since, record.entity)
                if cell is not None:
                    yield cell
            if len(page.records) < _PAGE:
                return
            after = page.records[-1].id


def _utc(when: datetime) -> Moment:
    return Moment(when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _cell(rule: Rule, since: datetime, entity: Entity) -> tuple[str, str, int] | None:
    """Return the person and the place in the table of an entity, None where it has none."""
    row, told = (_plain(value(entity, how.attribute)) for how in rule.transform)
    person, when = value(entity, HOLDER), moment(told)
    if row is None or when is None or not isinstance(person, str):
        return None
    passed = datetime.fromisoformat(when) - since
    return person, row, int(passed.total_seconds() // _step(rule))


def _plain(told: Any) -> str | None:
    if isinstance(told, Mapping):
        told = told.get("@value")
    return told if isinstance(told, str) else None


def _table(
    rule: Rule, since: datetime, seen: Iterable[tuple[str, str, int]]
) -> list[dict[str, Any]]:
    """Return the cells of a table; rows and columns of which nothing is shown are left out."""
    people = counted(seen)
    steps = range(int(86_400 // _step(rule)))
    rows = {row for row, _ in people}
    whole = {cell: people.get(cell, 0) for cell in product(rows, steps)}
    shown = released(whole, least(rule), ROUNDING)
    lines = {line for cell, told in shown.items() if told is not None for line in cell}
    return list(_cells(rule, since, {c: n for c, n in shown.items() if lines.issuperset(c)}))


def _cells(
    rule: Rule, since: datetime, shown: Mapping[tuple[str, int], int | None]
) -> Iterator[dict[str, Any]]:
    for (row, step), people in sorted(shown.items()):
        begin = since + timedelta(seconds=step * _step(rule))
        yield {"row": row, "from": begin.isoformat(), "people": people}


def _step(rule: Rule) -> int:
    return int(rule.transform[1].param or 0)


def least(rule: Rule) -> int:
    """Return the smallest group that a rule lets be told."""
    return max(rule.group or 0, PUBLIC if rule.assignees is None else PARTNERS)


def _said(rule: Rule) -> dict[str, Any]:
    row, column = rule.transform
    (kind,) = rule.types or ("",)
    return {
        "id": rule.policy,
        "type": kind,
        "rows": row.attribute,
        "columns": column.attribute,
        "stepSeconds": _step(rule),
        "minimumGroupSize": least(rule),
        "rounding": ROUNDING,
        "purposes": sorted(rule.purposes or ()),
    }
