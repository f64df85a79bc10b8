"""The log of a running broker: what the guard shows of persons is written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from broker.disclosures import Shown
from broker.errors import Forbidden, ServiceUnavailable
from broker.guard import Action, Caller, Guard
from broker.model.entity import Entity
from broker.query.ast import EntityQuery, HasType, Or
from broker.store.contract import Committed, Store
from consent.guard import PolicyGuard
from consent.identity.model import Role
from consent.log.entry import Deed, Entry
from consent.log.log import DisclosureLog
from consent.policies.personal import ALWAYS, basis, holder_of
from consent.policies.rule import Rule
from consent.records.effects import Effects, Shred, keep_nothing
from consent.records.model import HOLDER, KINDS, value
from consent.releases.counting import Counting

_PAGE = 500


class Written:
    """Writes down what one guard shows (`broker.disclosures.Disclosures`)."""

    def __init__(
        self,
        guard: PolicyGuard,
        log: DisclosureLog,
        counts: Counting | None = None,
        shred: Shred = keep_nothing,
    ) -> None:
        """`shred` makes what the vault keeps of somebody unreadable."""
        self.pending = False
        """Whether something was shown that may not be written down yet: every answer looks here."""
        self.counts = counts
        self._shred = shred
        self._guard = guard
        self._log = log
        self._effects: Effects | None = None
        self._store: Store | None = None
        guard.notes = self._note

    async def begin(self, store: Store) -> None:
        """Read purposes, consents and what else decisions need; then follow the store."""
        await self._guard.begin(store)
        self._store = store
        if self.counts is not None:
            self.counts.begin(store)
        store.listen(self._guard.register.commit)
        wanted = Or(tuple(HasType(iri) for iri in KINDS))
        for tenant in await store.tenants():
            after: str | None = None
            while True:
                query = EntityQuery(wanted, limit=_PAGE, after=after)
                page = await store.query(tenant, query)
                self._guard.register.load(tenant, [record.entity for record in page.records])
                if len(page.records) < _PAGE:
                    break
                after = page.records[-1].id

    async def attend(self, catch_up: Callable[[], Awaitable[None]]) -> None:
        """Carry out what withdrawals ask for."""
        assert self._store is not None
        self._effects = Effects(
            self._store, self._guard.register, catch_up, self._guard.clock, self._shred
        )
        self._effects.start(self._guard.register.left_over())

    async def settled(self) -> None:
        """Wait until all that was shown is written down."""
        try:
            await self._log.settled()
        except OSError as error:
            raise ServiceUnavailable(
                f"The disclosure log cannot be written: {error.strerror}.",
                place="broker",
                remedy="Make room on the disk of the data folder.",
            ) from error
        self.pending = self._log.pending

    async def close(self) -> None:
        """Write down what is left, and close the log."""
        if self._effects is not None:
            await self._effects.close()
        await self._log.close()
        if self.counts is not None:
            self.counts.close()

    def quiet(self, guard: Guard) -> Guard:
        """Return a guard that decides alike and notes nothing."""
        return Quiet(guard) if isinstance(guard, PolicyGuard) else guard

    def note(self, caller: Caller, tenant: str, shown: Iterable[Shown]) -> None:
        """Take what one of the town's programs is about to show from elsewhere."""
        self._program(caller)
        for one in shown:
            self._add(
                Entry(
                    self._guard.clock(), tenant, one.holder, caller.client, one.user or None,
                    caller.purpose, Deed(one.action), one.target, one.attributes, "", one.reason,
                )
            )  # fmt: skip

    async def of(
        self, caller: Caller, tenant: str, limit: int, holder: str | None = None
    ) -> list[dict[str, Any]]:
        """Return what was shown of the person who asks, newest first.

        A program of the town that names a holder is told what it noted of them itself.
        """
        if holder is not None:
            self._program(caller)
            found = await self._log.of(tenant, holder, limit)
            return [one for one in found if one["actor"] == caller.client]
        holder = holder_of(self._guard.known(caller))
        if holder is None:
            raise Forbidden(
                "A log is about a person.", place="caller", remedy="Sign in with your account."
            )
        return await self._log.of(tenant, holder, limit)

    def _program(self, caller: Caller) -> None:
        """Refuse who is none of the town's programs, or of its administrators."""
        client = self._guard.known(caller)
        if client is None or not (client.has(Role.APP) or client.has(Role.ADMINISTRATOR)):
            raise Forbidden(
                "Only the town's apps and administrators note what they show.",
                place="caller",
                remedy="Use the key of an app.",
            )

    def _note(self, caller: Caller, tenant: str, deed: Deed, whole: Entity, seen: Entity) -> None:
        if HOLDER not in whole["attrs"] or not ALWAYS.isdisjoint(whole["type"]):
            return
        holder = value(whole, HOLDER)
        client = self._guard.known(caller)
        if not isinstance(holder, str) or holder == holder_of(client):
            return
        personal = not self._guard.personal.split.isdisjoint(whole["type"])
        if not personal and (client is None or client.user is None):
            return
        rule = self._guard.basis(caller, tenant, whole)
        if rule is not None:
            told = self._told(caller, tenant, holder, rule)
            attributes = tuple(sorted(seen["attrs"]))
            what = Deed.OVERRIDE if rule.kind == "override" else deed
            self._add(
                Entry(
                    self._guard.clock(), tenant, holder, caller.client, caller.user,
                    caller.purpose, what, whole["id"], attributes, *told,
                )
            )  # fmt: skip

    def _add(self, entry: Entry) -> None:
        """Have an entry written. Raises ServiceUnavailable."""
        self._log.add(entry)
        self.pending = True

    def _told(self, caller: Caller, tenant: str, holder: str, rule: Rule) -> tuple[str, str]:
        """Return the basis of a disclosure, and the reason that was given for it."""
        known = self._guard.register.of(tenant)
        if rule.kind == "override":
            return rule.policy, known.overrides[rule.policy].reason
        if rule.kind == "consentBound":
            consent = basis(known, caller.purpose, holder, self._guard.clock())
            if consent is not None:
                return consent.id, ""
        return rule.policy, ""


class Quiet:
    """A policy guard whose views nobody is shown."""

    transparent = False

    def __init__(self, guard: PolicyGuard) -> None:
        self._guard = guard

    def identify(self, headers: Mapping[bytes, bytes], address: str = "") -> Caller:
        """Return the caller."""
        return self._guard.identify(headers, address)

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        """Refuse what no rule permits."""
        self._guard.allow(caller, tenant, action, entity_id)

    def may_write(
        self, caller: Caller, tenant: str, before: Entity | None, after: Entity | None
    ) -> None:
        """Refuse a change that no rule permits."""
        self._guard.may_write(caller, tenant, before, after)

    def narrow(self, caller: Caller, tenant: str, query: EntityQuery) -> EntityQuery:
        """Take what the caller may not read out of the query's reach."""
        return self._guard.narrow(caller, tenant, query)

    def view(self, caller: Caller, tenant: str, entity: Entity) -> Entity | None:
        """Return what the caller may read of the entity."""
        return self._guard.seen(caller, tenant, entity)

    def lens(self, caller: Caller, tenant: str) -> str | None:
        """Return what the view depends on besides the entity."""
        return self._guard.lens(caller, tenant)

    def deliver(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
        """Return the change as the caller may read it."""
        return self._guard.told(caller, tenant, committed)
