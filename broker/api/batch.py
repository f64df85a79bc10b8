"""`/entityOperations/*`: many entities in one request, each on its own (§5.6.7–§5.6.10, §5.6.20).

Elements are validated and written one by one, in order; the store's group commit puts many of
them into one transaction. One that fails never harms another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from broker.api import params
from broker.api.body import (
    context_in_plain_json,
    link_context,
    media,
    parse_json,
    refuse_link,
    take_context,
)
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import LD, Response, json_response, no_content
from broker.entities import semantics
from broker.entities.service import Target
from broker.errors import (
    AlreadyExists,
    BadRequestData,
    InvalidRequest,
    LdContextNotAvailable,
    MachiError,
    NonexistentTenant,
    untraced,
)
from broker.guard import Action
from broker.jsonld.context import Context
from broker.model.entity import Entity
from broker.model.names import check_entity_id
from broker.model.parse import parse_entity, parse_fragment
from broker.store.contract import Record, Tx

Parse: TypeAlias = Callable[[Any, Context], Entity]
Prepare: TypeAlias = Callable[[Any], Awaitable[Entity]]
Write: TypeAlias = Callable[[Entity], Awaitable[Any]]
"""Hands one element to the store; what is awaited tells what became of it."""

IsNew: TypeAlias = Callable[[Any], bool]
"""Tells of what `Write` returned whether the entity is new; may raise what failed it."""


async def _array(broker: Broker, request: Request) -> tuple[list[Any], bytes]:
    kind = media(request)
    items = parse_json(request.body)
    if not isinstance(items, list) or not items:
        raise BadRequestData(
            "The body is not a JSON array with at least one element.",
            place="body:",
            remedy="Send an array: [{…}, …].",
        )
    if any(item is None for item in items):
        raise BadRequestData(
            "The array holds null.",
            place=f"body:/{items.index(None)}",
            remedy="Leave the element out.",
        )
    if len(items) > broker.settings.max_batch:
        raise BadRequestData(
            f"The array has {len(items)} elements; {broker.settings.max_batch} are taken at once.",
            place="body:",
            remedy="Send several smaller batches.",
        )
    if kind == LD:
        refuse_link(request)
    return items, kind


def _failed(entity_id: Any, index: int, error: MachiError) -> dict[str, Any]:
    told = error.problem()
    if told["place"].startswith("body:"):
        told["place"] = f"body:/{index}{told['place'][5:]}"
    else:
        told["place"] = f"body:/{index}"
    return {"entityId": entity_id if isinstance(entity_id, str) else "", "error": told}


def _elements(broker: Broker, kind: bytes, shared: Context, parse: Parse, tenant: str) -> Prepare:
    """Return how an element becomes an expanded entity, with its own or the shared @context.

    All elements together may wait for their contexts no longer than one request may for one.
    """
    seconds = broker.settings.context_timeout
    end = asyncio.get_running_loop().time() + seconds

    async def own_context(item: dict[str, Any]) -> Context:
        try:
            async with asyncio.timeout_at(end):
                return await take_context(broker, item, "body:", tenant)
        except TimeoutError:
            raise LdContextNotAvailable(
                f"The contexts of the batch were not there within {seconds:g} s.",
                place="body:/@context",
                remedy="Send the element again; refer to one context in all elements of a batch.",
            ) from None

    async def prepare(item: Any) -> Entity:
        if not isinstance(item, dict):
            raise BadRequestData(
                "The element is not a JSON object.",
                place="body:",
                remedy="Send entities as objects.",
            )
        if kind == LD:
            return parse(item, await own_context(item))
        if "@context" in item:
            raise context_in_plain_json("body:/@context")
        return parse(item, shared)

    return prepare


class _Outcome:
    """What became of each element, by index."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bool]] = []
        self.errors: list[dict[str, Any]] = []

    @property
    def new(self) -> list[str]:
        return [entity_id for entity_id, fresh in self.done if fresh]

    def partial(self) -> Response:
        succeeded = list(dict.fromkeys(entity_id for entity_id, _ in self.done))
        return json_response({"success": succeeded, "errors": self.errors}, 207)


async def _run(items: list[Any], prepare: Prepare, write: Write, is_new: IsNew) -> _Outcome:
    """Prepare and write each element; writes start in order and share commits.

    The store is given all of them before any is awaited, and none has a task of its own.
    """
    outcome = _Outcome()
    started: list[tuple[int, str, asyncio.Future[Any]]] = []
    failures: list[tuple[int, dict[str, Any]]] = []
    for index, item in enumerate(items):
        given = item.get("id", item.get("@id")) if isinstance(item, dict) else item
        try:
            entity = await prepare(item)
            given = entity["id"]
            started.append((index, given, asyncio.ensure_future(write(entity))))
        except MachiError as error:
            failures.append((index, _failed(given, index, error)))
    missing: list[NonexistentTenant] = []
    for index, entity_id, future in started:
        try:
            outcome.done.append((entity_id, is_new(await future)))
        except NonexistentTenant as error:
            missing.append(untraced(error))
        except MachiError as error:
            failures.append((index, _failed(entity_id, index, untraced(error))))
    if missing:
        # What is raised leads back here, so nothing here may lead to it.
        del started, future
        raise missing.pop()
    outcome.errors = [error for _, error in sorted(failures, key=lambda pair: pair[0])]
    return outcome


async def _entities(
    broker: Broker, request: Request, parse: Parse, write: Write, is_new: IsNew
) -> _Outcome:
    items, kind = await _array(broker, request)
    shared = await link_context(broker, request)
    prepare = _elements(broker, kind, shared, parse, request.tenant)
    return await _run(items, prepare, write, is_new)


def _always(_: Any) -> bool:
    return True


def _never(_: Any) -> bool:
    return False


def _entity(value: Any, context: Context) -> Entity:
    return parse_entity(value, context)


def _fragment(nulls: bool, merge: bool = False) -> Parse:
    def parse(value: Any, context: Context) -> Entity:
        entity_id = value.get("id", value.get("@id"))
        if not isinstance(entity_id, str):
            raise BadRequestData(
                "The element has no id.", place="body:/id", remedy="Add the entity's id."
            )
        check_entity_id(entity_id, "body:/id")
        fragment = parse_fragment(value, context, nulls=nulls, merge=merge)
        fragment["id"] = entity_id
        return fragment

    return parse


async def create(broker: Broker, request: Request) -> Response:
    """Create many entities."""

    def write(entity: Entity) -> Awaitable[Any]:
        return broker.entities.create(request.caller, request.tenant, entity)

    outcome = await _entities(broker, request, _entity, write, _always)
    return outcome.partial() if outcome.errors else json_response(outcome.new, 201)


async def upsert(broker: Broker, request: Request) -> Response:
    """Create or replace (or, with `options=update`, update) many entities."""
    tokens = params.options(request.query, frozenset({"replace", "update"}))
    if len(tokens) > 1:
        raise InvalidRequest(
            "Entities that exist are either replaced or updated.",
            place="query:options",
            remedy="Send one of options=replace and options=update.",
        )
    update = "update" in tokens

    def write(entity: Entity) -> Awaitable[bool]:
        if update:
            return _update_or_create(broker, request, entity)
        return broker.entities.upsert(request.caller, request.tenant, entity)

    parse = _entity_or_update if update else _entity
    outcome = await _entities(broker, request, parse, write, bool)
    if outcome.errors:
        return outcome.partial()
    return json_response(outcome.new, 201) if outcome.new else no_content()


class _OnlyUpdate(dict[str, Any]):
    """A fragment that can update an entity and cannot create one, for the reason given."""

    def __init__(self, fragment: Entity, refusal: MachiError) -> None:
        super().__init__(fragment)
        self.refusal = refusal


def _entity_or_update(value: Any, context: Context) -> Entity:
    try:
        return parse_entity(value, context)
    except BadRequestData as refusal:
        return _OnlyUpdate(_fragment(nulls=True)(value, context), refusal)


def _update_or_create(broker: Broker, request: Request, entity: Entity) -> Awaitable[bool]:
    caller, guard = request.caller, broker.guard
    guard.allow(caller, request.tenant, Action.CREATE, entity["id"])
    guard.allow(caller, request.tenant, Action.UPDATE, entity["id"])

    def edit(current: Entity, now: str) -> tuple[Entity, semantics.UpdateResult]:
        return semantics.update_attributes(current, entity, now)

    async def work(tx: Tx) -> bool:
        if await tx.get(entity["id"]) is None:
            if isinstance(entity, _OnlyUpdate):
                raise entity.refusal
            await broker.entities.create_in(tx, caller, entity)
            return True
        await broker.entities.change_in(tx, caller, Target(entity["id"]), edit)
        return False

    return broker.store.write(request.tenant, work, client=caller.client, create_tenant=True)


async def update(broker: Broker, request: Request) -> Response:
    """Append to many entities, nulls deleting; with `noOverwrite` only what is new (§5.6.9)."""
    keep = "noOverwrite" in params.options(request.query, frozenset({"noOverwrite"}))

    def write(fragment: Entity) -> Awaitable[tuple[Record, semantics.UpdateResult]]:
        def edit(entity: Entity, now: str) -> tuple[Entity, semantics.UpdateResult]:
            return semantics.append(entity, fragment, now, no_overwrite=keep)

        target = Target(fragment["id"])
        return broker.entities.change(request.caller, request.tenant, target, edit)

    def is_new(told: tuple[Record, semantics.UpdateResult]) -> bool:
        if keep and told[1].not_updated:
            raise AlreadyExists(
                "Attributes exist already: " + ", ".join(n for n, _ in told[1].not_updated),
                place="body:",
                remedy="Leave them out, or drop options=noOverwrite.",
            )
        return False

    outcome = await _entities(broker, request, _fragment(nulls=not keep), write, is_new)
    return outcome.partial() if outcome.errors else no_content()


async def merge(broker: Broker, request: Request) -> Response:
    """Merge fragments into many entities."""

    def write(fragment: Entity) -> Awaitable[Any]:
        def edit(entity: Entity, now: str) -> tuple[Entity, None]:
            return semantics.merge(entity, fragment, now), None

        target = Target(fragment["id"])
        return broker.entities.change(request.caller, request.tenant, target, edit)

    parse = _fragment(nulls=True, merge=True)
    outcome = await _entities(broker, request, parse, write, _never)
    return outcome.partial() if outcome.errors else no_content()


async def delete(broker: Broker, request: Request) -> Response:
    """Delete many entities by id."""
    items, _ = await _array(broker, request)

    async def prepare(item: Any) -> Entity:
        if not isinstance(item, str):
            raise BadRequestData(
                "The element is not an id.", place="body:", remedy="Send ids as strings."
            )
        check_entity_id(item, "body:")
        return {"id": item}

    def write(entity: Entity) -> Awaitable[int]:
        return broker.entities.delete(request.caller, request.tenant, Target(entity["id"]))

    outcome = await _run(items, prepare, write, _never)
    return outcome.partial() if outcome.errors else no_content()
