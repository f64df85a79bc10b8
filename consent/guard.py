"""The guard of a town: decides by the caller's key and the policies in force."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import count
from typing import Final, Protocol, TypeAlias

from broker.clock import Clock
from broker.errors import BadRequestData, Forbidden, MachiError, Unauthorized
from broker.guard import ANYONE, Action, Caller
from broker.model.change import diff
from broker.model.entity import Entity
from broker.query.ast import EntityQuery
from broker.store.contract import Change, Committed, Kind, Store
from consent.identity.addresses import RATE
from consent.identity.keys import id_of
from consent.identity.limits import Limits
from consent.identity.model import Client, Shown
from consent.identity.usage import Usage
from consent.log.entry import Deed
from consent.policies.ids import may_be_named, types_by_name
from consent.policies.living import LivingPolicies
from consent.policies.personal import Asking, PersonalData, holder_of
from consent.policies.rule import Rule
from consent.policies.sight import NO_SIGHT, Reach, Sight
from consent.records.model import HOLDER, KINDS, texts, value
from consent.records.register import Register
from consent.records.rules import Writer, check
from consent.transform.apply import Audience

_BEARER: Final = b"bearer "
_READ: Final = Action.READ
_MOST_SIGHTS: Final = 4096
_DEVICE: Final = frozenset((Action.READ, Action.UPDATE))
_Place: TypeAlias = tuple[Caller, str, Action]
Note: TypeAlias = Callable[[Caller, str, Deed, Entity, Entity], None]
"""Takes what is shown to whom: the entity as it is, and as it is shown."""


class Clients(Protocol):
    """Where clients are looked up: `consent.identity.book.IdentityBook`."""

    def refresh(self) -> int: ...
    def client(self, name: str) -> Client | None: ...
    def holder(self, text: str, now: str) -> Client | None: ...
    def credential(self, text: str) -> str: ...
    def opens(self, client: str, credential: str, now: str) -> bool: ...


class PolicyGuard:
    """Lets a caller do what a rule permits and none forbids; devices, what is their own.

    Roles are looked up at each decision, so a client that loses a role loses what came with it
    at once, also in subscriptions it made before.
    """

    transparent = False

    def __init__(
        self,
        clients: Clients,
        rules: Iterable[Rule],
        clock: Clock,
        seconds: Callable[[], float] = time.time,
        register: Register | None = None,
        usage: Usage | None = None,
        rate: float | None = RATE,
    ) -> None:
        """`rate` is how often an address may ask without a key, in requests a second."""
        self.key = secrets.token_bytes(32)
        """Makes pseudonyms: whoever has it gets from one to another."""
        self.register = register or Register()
        self.notes: Note | None = None
        self.policies: LivingPolicies | None = None
        self._clients = clients
        self.clock = clock
        self.usage = usage or Usage()
        self._limits = Limits(self.usage, seconds, rate)
        self._free = self._limits.free
        self._sights: dict[_Place, Sight] = {}
        self._public: dict[str, Sight] = {}
        """What anybody may read, by tenant."""
        self._lenses: dict[tuple[Rule, ...], str] = {}
        self._numbers = count()
        self._generation = (0, 0)
        self._until: str | None = None
        self.decide_by(rules)

    def decide_by(self, rules: Iterable[Rule]) -> None:
        """Decide by these rules from now on."""
        every = tuple(rules)
        bound = [rule for rule in every if rule.kind == "consentBound" and rule.permits]
        self.counted = [rule for rule in every if rule.kind == "aggregateOnly" and rule.permits]
        self._rules = tuple(rule for rule in every if rule not in (*bound, *self.counted))
        self.personal = PersonalData(bound)
        self._names = types_by_name(every)
        self._forget()
        self._moments = sorted(
            moment for rule in every for moment in (rule.since, rule.until) if moment
        )

    def identify(self, headers: Mapping[bytes, bytes], address: str = "") -> Caller:
        """Return the caller of a key, or anybody where none is shown. Raises Unauthorized."""
        if b"authorization" not in headers and b"machi-purpose" not in headers:
            if address not in self._free:
                self._limits.address(address)
            return ANYONE
        shown = headers.get(b"authorization")
        purpose = _text(headers.get(b"machi-purpose"))
        if shown is None:
            raise _unknown("A purpose is given to a client: it needs the client's key.")
        if shown[: len(_BEARER)].lower() != _BEARER:
            raise _unknown("Only keys are taken: Authorization: Bearer mk_…")
        self._clients.refresh()
        text = shown[len(_BEARER) :].strip().decode("latin-1")
        client = self._clients.holder(text, self.clock())
        if client is None:
            self._limits.address(address)
            raise _unknown("The key is not known, has expired, or was revoked.")
        self._limits.client(client, id_of(text) or "")
        return Shown(
            client.name,
            client.user,
            client.roles,
            _purpose(client, purpose),
            self._clients.credential(text),
        )

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        """Refuse what no rule permits the caller to any entity, or to one of this id.

        Nobody subscribes without a key, also not to open data: all such callers would be one owner,
        and see each other's tokens.
        """
        if action is Action.SUBSCRIBE and not caller.client:
            raise self._refusal(caller, "A subscription belongs to who made it: it needs a key.")
        sight = self._sight(caller, tenant, action)
        if not sight:
            raise self._refusal(caller, f"This caller may not {action} anything here.")
        if entity_id is not None and action is not Action.READ and not sight.reaches(entity_id):
            raise self._refusal(caller, f"This caller may not {action} this entity.")

    def may_write(
        self, caller: Caller, tenant: str, before: Entity | None, after: Entity | None
    ) -> None:
        """Refuse a change of an entity, or of an attribute of it, that no rule permits."""
        action = (
            Action.CREATE if before is None else Action.DELETE if after is None else Action.UPDATE
        )
        sight = self._sight(caller, tenant, action)
        changed, whole = _changed(before, after)
        for side in (before, after):
            if side is not None:
                self._check(caller, action, sight.attributes(side), changed, whole)
        self._check_types(caller, action, sight, before, after)
        if before is None and after is not None and not may_be_named(sight, after, self._names):
            raise self._refusal(caller, f"This caller may not create {after['id']} by its id.")
        self._keep(caller, tenant, before, after)
        if after is not None and self.policies is not None:
            self.policies.check(tenant, after)

    async def begin(self, store: Store) -> None:
        """Follow the policies that a store has."""
        if self.policies is not None:
            await self.policies.begin(store)

    def _keep(
        self, caller: Caller, tenant: str, before: Entity | None, after: Entity | None
    ) -> None:
        """Refuse what would make decisions about persons unsound."""
        types = {iri for side in (before, after) if side is not None for iri in side["type"]}
        for kind in types.intersection(KINDS):
            client = self.known(caller) or Client("")
            writer = Writer(client, holder_of(client))
            check(kind, before, after, writer, self.register.of(tenant), self.clock())
        if after is not None and not self.personal.split.isdisjoint(after["type"]):
            self._one_person(after)

    def _one_person(self, entity: Entity) -> None:
        """Refuse an entity that is about several persons, or half about one."""
        instances = entity["attrs"].get(HOLDER, {})
        many = len(instances) > 1 or len(texts(value(entity, HOLDER))) > 1
        if many or not self.personal.split.issuperset(entity["type"]):
            raise BadRequestData(
                "An entity of this type is about one person, and of no other type.",
                place="entity:/refHolder" if many else "entity:/type",
                remedy="Make one entity for each person.",
            )

    def _check(
        self,
        caller: Caller,
        action: Action,
        reach: Reach | None,
        changed: set[str],
        whole: bool,
    ) -> None:
        if reach is None:
            raise self._refusal(caller, f"This caller may not {action} this entity.")
        over = sorted(iri for iri in changed if iri not in reach)
        if over:
            raise self._refusal(caller, f"This caller may not {action} the attribute {over[0]}.")
        if whole and not reach.whole:
            raise self._refusal(caller, "This caller may only write some of the attributes.")

    def _check_types(
        self,
        caller: Caller,
        action: Action,
        sight: Sight,
        before: Entity | None,
        after: Entity | None,
    ) -> None:
        """Refuse types that an entity gets or loses where no permission is about that type.

        Otherwise what somebody may write would pass for what others publish.
        """
        if after is None:
            return
        types = set(after["type"]) ^ set(() if before is None else before["type"])
        for iri in sorted(types):
            side = after if before is None or iri in after["type"] else before
            if not sight.gives(iri, side):
                raise self._refusal(caller, f"This caller may not {action} the type {iri}.")

    def narrow(self, caller: Caller, tenant: str, query: EntityQuery) -> EntityQuery:
        """Take what the caller may not read out of the query's reach."""
        return self._sight(caller, tenant, Action.READ).narrow(query)

    def view(self, caller: Caller, tenant: str, entity: Entity) -> Entity | None:
        """Return what the caller may read of the entity, and note that it is shown."""
        seen = self.seen(caller, tenant, entity)
        if seen is not None and self.notes is not None:
            self.notes(caller, tenant, Deed.READ, entity, seen)
        return seen

    def lens(self, caller: Caller, tenant: str) -> str | None:
        """Return the name of the rules by which the caller reads."""
        if caller is ANYONE and self._until is None:
            # What every public read asks: answered here where `_sight` would find the same.
            sight = self._public.get(tenant)
            if sight is not None:
                return sight.lens
        return self._sight(caller, tenant, _READ).lens

    def deliver(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
        """Return the change as the caller may read it, and note that it is shown."""
        told = self.told(caller, tenant, committed)
        if told is not None and self.notes is not None:
            seen = told.after or told.before
            whole = committed.after if told.after is not None else committed.before
            if seen is not None and whole is not None:
                self.notes(caller, tenant, Deed.NOTIFY, whole, seen)
        return told

    def seen(self, caller: Caller, tenant: str, entity: Entity) -> Entity | None:
        """Return what the caller may read of the entity; nobody is shown it yet."""
        return self._sight(caller, tenant, Action.READ).view(entity)

    def basis(self, caller: Caller, tenant: str, entity: Entity) -> Rule | None:
        """Return the rule by which the caller may read the entity."""
        return self._sight(caller, tenant, Action.READ).basis(entity)

    def known(self, caller: Caller) -> Client | None:
        """Return the client of a caller."""
        return self._clients.client(caller.client) if caller.client else None

    def told(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
        """Return the change as the caller may read it; nobody is shown it yet."""
        sight = self._sight(caller, tenant, Action.READ)
        before, after = (
            None if side is None else sight.view(side)
            for side in (committed.before, committed.after)
        )
        if before is committed.before and after is committed.after:
            return committed
        if before is None and after is None:
            return None
        return Committed(_seen(committed.change, before, after), before, after)

    def _sight(self, caller: Caller, tenant: str, action: Action) -> Sight:
        if self._until is not None and self.clock() >= self._until:
            self._forget()
        if caller is ANYONE and action is _READ:
            # It hangs on policies and time alone: on no key, and on nobody's consent.
            sight = self._public.get(tenant)
            if sight is None:
                sight = self._public[tenant] = self._looked_up(caller, tenant, action)
            return sight
        now = self.clock()
        generation = (self._clients.refresh(), self.register.tick(now))
        if generation != self._generation:
            self._generation = generation
            self._sights.clear()
        shown = caller.credential if isinstance(caller, Shown) else ""
        if caller.client and not self._clients.opens(caller.client, shown, now):
            return NO_SIGHT
        place = (caller, tenant, action)
        sight = self._sights.get(place)
        if sight is None:
            sight = self._sights[place] = self._looked_up(caller, tenant, action)
        return sight

    def _forget(self) -> None:
        self._sights.clear()
        self._public.clear()
        self._until = None

    def _looked_up(self, caller: Caller, tenant: str, action: Action) -> Sight:
        now = self.clock()
        if self._until is None:
            # Else it stays: it may have come since it was looked at, with sights kept from before.
            self._until = next((moment for moment in self._moments if moment > now), None)
        for kept in (self._sights, self._public):
            if len(kept) >= _MOST_SIGHTS:
                kept.clear()
        rules = tuple(self._about(caller, tenant, action, now))
        changes = any(rule.transform for rule in rules)
        if changes or not self._unlogged(caller, rules):
            return Sight(rules, audience=Audience(self.key, caller.purpose or "", caller.client))
        if len(self._lenses) >= _MOST_SIGHTS:
            self._lenses.clear()
        return Sight(rules, self._lenses.setdefault(rules, f" {next(self._numbers)}"))

    def _unlogged(self, caller: Caller, rules: Iterable[Rule]) -> bool:
        """Tell whether nothing of what these rules show is written to the log."""
        split = self.personal.split
        return caller.user is None and all(
            not split or (rule.types is not None and split.isdisjoint(rule.types))
            for rule in rules
            if rule.permits
        )

    def _about(self, caller: Caller, tenant: str, action: Action, now: str) -> list[Rule]:
        client = self.known(caller)
        if caller.client and client is None:
            return []
        if client is not None and client.tenants is not None and tenant not in client.tenants:
            return []
        rules = [
            rule
            for rule in self._rules
            if action in rule.actions and rule.applies(client, caller.purpose, tenant, now)
        ]
        if client is not None and action in _DEVICE:
            rules += [
                Rule("own", ids=frozenset((own.entity,)), attributes=own.attributes, kind="own")
                for own in client.own
            ]
        asking = Asking(client, caller.purpose, action, tenant, now)
        return self.personal.rules(rules, asking, self.register.of(tenant))

    def _refusal(self, caller: Caller, detail: str) -> MachiError:
        if caller.client:
            return Forbidden(
                detail, place="caller", remedy="Ask the town's administrator for the permission."
            )
        return Unauthorized(
            detail, place="header:Authorization", remedy="Send a key: Authorization: Bearer mk_…"
        )


def _unknown(detail: str) -> Unauthorized:
    return Unauthorized(
        detail,
        place="header:Authorization",
        remedy="Ask for a key; the administrator makes one with machi keys create.",
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _purpose(client: Client, named: str | None) -> str | None:
    """Return what the caller reads for. Raises Forbidden for a purpose that is not the client's."""
    if named is None:
        return next(iter(client.purposes)) if len(client.purposes) == 1 else None
    if named not in client.purposes:
        raise Forbidden(
            "This client was not given this purpose.",
            place="header:Machi-Purpose",
            remedy="Name a purpose of the client, or none.",
        )
    return named


def _changed(before: Entity | None, after: Entity | None) -> tuple[set[str], bool]:
    """Return the attributes that a change touches, and whether it touches more than these."""
    if before is None or after is None:
        return set(), True
    delta, prior = diff(before, after)
    attributes = {*delta.get("attrs", ()), *prior.get("attrs", ())}
    return attributes, bool(delta.keys() - {"attrs", "modifiedAt"})


def _seen(change: Change, before: Entity | None, after: Entity | None) -> Change:
    """Return a change as it looks to someone who sees these sides of it."""
    if before is None:
        return replace(change, kind=Kind.CREATE, delta=after, before=None)
    if after is None:
        return replace(change, kind=Kind.DELETE, delta=None, before=before)
    delta, prior = diff(before, after)
    return replace(change, delta=delta, before=prior)
