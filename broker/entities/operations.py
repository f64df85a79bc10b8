"""The operations of a transaction: from JSON to something that runs in a unit of work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from broker.entities import semantics
from broker.entities.precondition import check_version, parse_if_match
from broker.entities.service import Entities, Target
from broker.errors import (
    AlreadyExists,
    BadRequestData,
    MachiError,
    PreconditionFailed,
    TooComplexQuery,
)
from broker.guard import Action, Caller
from broker.model.entity import Entity
from broker.model.names import Names, check_attribute_name, check_entity_id
from broker.model.parse import parse_entity, parse_fragment
from broker.model.times import check_datetime
from broker.query.ast import Node
from broker.query.linked import DEPTH, MOST, TooManyLinked, follows, gather
from broker.query.predicate import compile_predicate
from broker.query.q import parse_q
from broker.store.contract import Record, Tx

Run: TypeAlias = Callable[[Tx, Entities, Caller], Awaitable[int]]
"""Runs one operation; returns the entity's version after it (0 where it does not exist)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One parsed operation: what it is called, whom it is about, and how it runs."""

    op: str
    entity_id: str
    action: Action
    run: Run


@dataclass(frozen=True, slots=True)
class Preconditions:
    """`ifMatch` and `ifNoneMatch` of one operation."""

    guarded: bool
    versions: frozenset[int] | None
    absent: bool

    def check(self, record: Record | None, entity_id: str) -> None:
        """Raise PreconditionFailed where they do not hold."""
        if self.absent and record is not None:
            raise PreconditionFailed(
                f"{entity_id} exists already.",
                place="body:/ifNoneMatch",
                remedy="Somebody was first: read the entity and decide anew.",
            )
        if self.guarded:
            version = None if record is None else record.version
            check_version(self.versions, version, entity_id, "body:/ifMatch")


_MEMBERS: dict[str, frozenset[str]] = {
    "create": frozenset({"entity"}),
    "append": frozenset({"id", "attrs", "noOverwrite"}),
    "merge": frozenset({"id", "attrs"}),
    "replace": frozenset({"entity"}),
    "delete": frozenset({"id"}),
    "check": frozenset({"id", "q"}),
    "add": frozenset({"id", "attribute", "value", "min", "max", "observedAt"}),
}
_COMMON = frozenset({"op", "ifMatch", "ifNoneMatch"})
OPERATIONS = tuple(_MEMBERS)


def parse_operations(value: Any, context: Names, limit: int) -> list[Operation]:
    """Return the operations of a transaction's body; raises BadRequestData."""
    operations = value.get("operations") if isinstance(value, dict) else None
    if not isinstance(operations, list) or not operations:
        raise BadRequestData(
            "The body has no list of operations.",
            place="body:/operations",
            remedy='Send {"operations": [{"op": "create", "entity": {…}}, …]}.',
        )
    unknown = sorted(set(value) - {"operations"})
    if unknown:
        raise BadRequestData(
            f"`{unknown[0]}` is not a member of a transaction.",
            place=f"body:/{unknown[0]}",
            remedy="A transaction has one member, `operations`.",
        )
    if len(operations) > limit:
        raise BadRequestData(
            f"The transaction has {len(operations)} operations; {limit} are taken.",
            place="body:/operations",
            remedy="Split what need not be all or nothing.",
        )
    parsed = []
    for index, operation in enumerate(operations):
        try:
            parsed.append(_operation(operation, context))
        except MachiError as error:
            raise located(error, index) from None
    return parsed


def located(error: MachiError, index: int) -> MachiError:
    """Return the error with the operation it happened in."""
    error.members["operation"] = index
    pointer = error.place[5:] if error.place.startswith("body:") else ""
    error.place = f"body:/operations/{index}{pointer}"
    return error


def _operation(value: Any, context: Names) -> Operation:
    op = value.get("op") if isinstance(value, dict) else None
    if not isinstance(op, str) or op not in _MEMBERS:
        raise BadRequestData(
            "The operation has no known `op`.",
            place="body:/op" if isinstance(value, dict) else "body:",
            remedy="Use one of " + ", ".join(OPERATIONS) + ".",
        )
    for name in value:
        if name not in _COMMON and name not in _MEMBERS[op]:
            raise BadRequestData(
                f"`{name}` is not a member of the operation `{op}`.",
                place=f"body:/{name}",
                remedy="Use only " + ", ".join(sorted(_MEMBERS[op] | _COMMON)) + ".",
            )
    preconditions = _preconditions(value)
    return _BUILDERS[op](value, context, preconditions)


def _preconditions(value: dict[str, Any]) -> Preconditions:
    tag = value.get("ifMatch")
    if tag is not None and not isinstance(tag, str):
        raise BadRequestData(
            "ifMatch is not a string.", place="body:/ifMatch", remedy='Send "v3", for instance.'
        )
    absent = value.get("ifNoneMatch")
    if absent not in (None, "*"):
        raise BadRequestData(
            "ifNoneMatch can only be `*`.",
            place="body:/ifNoneMatch",
            remedy='Send "*": the entity must not exist.',
        )
    versions = parse_if_match(tag, "body:/ifMatch") if tag is not None else None
    return Preconditions(tag is not None, versions, absent == "*")


def _entity_id(value: dict[str, Any]) -> str:
    entity_id = value.get("id")
    if not isinstance(entity_id, str):
        raise BadRequestData(
            "The operation has no id.", place="body:/id", remedy="Name the entity by its id."
        )
    check_entity_id(entity_id, "body:/id")
    return entity_id


def _inner(parse: Callable[[], Entity], member: str) -> Entity:
    try:
        return parse()
    except MachiError as error:
        if error.place.startswith("body:"):
            error.place = f"body:/{member}{error.place[5:]}"
        raise


def _create(value: dict[str, Any], context: Names, pre: Preconditions) -> Operation:
    entity = _inner(lambda: parse_entity(value.get("entity"), context), "entity")

    async def run(tx: Tx, entities: Entities, caller: Caller) -> int:
        current = await entities.visible(tx, caller, entity["id"])
        pre.check(current, entity["id"])
        if current is not None:
            raise AlreadyExists(
                f"{entity['id']} exists already.",
                place="body:/entity/id",
                remedy="Use `replace` or `merge`, or choose another id.",
            )
        return (await entities.create_in(tx, caller, entity)).version

    return Operation("create", entity["id"], Action.CREATE, run)


def _edit(
    op: str, entity_id: str, pre: Preconditions, edit: Callable[[Entity, str], Entity]
) -> Operation:
    def told(entity: Entity, now: str) -> tuple[Entity, None]:
        return edit(entity, now), None

    async def run(tx: Tx, entities: Entities, caller: Caller) -> int:
        pre.check(await entities.visible(tx, caller, entity_id), entity_id)
        record, _ = await entities.change_in(tx, caller, Target(entity_id), told)
        return record.version

    return Operation(op, entity_id, Action.UPDATE, run)


def _append(value: dict[str, Any], context: Names, pre: Preconditions) -> Operation:
    entity_id = _entity_id(value)
    keep = value.get("noOverwrite", False)
    if not isinstance(keep, bool):
        raise BadRequestData(
            "noOverwrite is not a boolean.",
            place="body:/noOverwrite",
            remedy="Send true or false.",
        )
    fragment = _inner(lambda: parse_fragment(value.get("attrs"), context, nulls=False), "attrs")

    def edit(entity: Entity, now: str) -> Entity:
        changed, result = semantics.append(entity, fragment, now, no_overwrite=keep)
        if result.not_updated:
            raise AlreadyExists(
                "Attributes exist already: " + ", ".join(n for n, _ in result.not_updated),
                place="body:/attrs",
                remedy="Leave them out, or drop noOverwrite.",
            )
        return changed

    return _edit("append", entity_id, pre, edit)


def _merge(value: dict[str, Any], context: Names, pre: Preconditions) -> Operation:
    entity_id = _entity_id(value)
    fragment = _inner(
        lambda: parse_fragment(value.get("attrs"), context, nulls=True, merge=True), "attrs"
    )
    return _edit(
        "merge", entity_id, pre, lambda entity, now: semantics.merge(entity, fragment, now)
    )


def _replace(value: dict[str, Any], context: Names, pre: Preconditions) -> Operation:
    new = _inner(lambda: parse_entity(value.get("entity"), context), "entity")
    return _edit("replace", new["id"], pre, lambda entity, now: semantics.replace(entity, new, now))


def _delete(value: dict[str, Any], context: Names, pre: Preconditions) -> Operation:
    entity_id = _entity_id(value)

    async def run(tx: Tx, entities: Entities, caller: Caller) -> int:
        pre.check(await entities.visible(tx, caller, entity_id), entity_id)
        return await entities.delete_in(tx, caller, Target(entity_id))

    return Operation("delete", entity_id, Action.DELETE, run)


def _check(value: dict[str, Any], context: Names, pre: Preconditions) -> Operation:
    entity_id = _entity_id(value)
    text = value.get("q")
    if text is None and not pre.guarded and not pre.absent:
        raise BadRequestData(
            "A check without ifMatch, ifNoneMatch or q checks nothing.",
            place="body:",
            remedy="Add one of them.",
        )
    if text is not None and not isinstance(text, str):
        raise BadRequestData(
            "q is not a string.", place="body:/q", remedy='Send "level>=3.4", for instance.'
        )
    node = None
    if text is not None:
        node = parse_q(text, context.expand, linked=DEPTH, place="body:/q")

    async def run(tx: Tx, entities: Entities, caller: Caller) -> int:
        record = await entities.visible(tx, caller, entity_id, told=node is not None)
        pre.check(record, entity_id)
        if node is not None and (
            record is None or not await _holds(node, record.entity, tx, entities, caller)
        ):
            raise PreconditionFailed(
                f"{entity_id} does not satisfy the condition.",
                place="body:/q",
                remedy="Read the entity and decide anew.",
            )
        return 0 if record is None else record.version

    return Operation("check", entity_id, Action.READ, run)


async def _holds(node: Node, entity: Entity, tx: Tx, entities: Entities, caller: Caller) -> bool:
    """Tell whether an entity satisfies a condition, linked ones as the unit of work sees them."""

    async def fetch(ids: Collection[str]) -> list[Entity]:
        found = [await entities.visible(tx, caller, entity_id, told=True) for entity_id in ids]
        return [record.entity for record in found if record is not None]

    try:
        linked = await gather(node, entity, fetch) if follows(node) else {}
    except TooManyLinked:
        raise TooComplexQuery(
            f"The condition looks at more than {MOST} linked entities.",
            place="body:/q",
            remedy="Check the linked entities by themselves.",
        ) from None
    return compile_predicate(node, linked.get)(entity)


def _number(value: dict[str, Any], member: str) -> int | float | None:
    number = value.get(member)
    if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
        raise BadRequestData(
            f"{member} is not a number.", place=f"body:/{member}", remedy="Send a JSON number."
        )
    return number


def _add(value: dict[str, Any], context: Names, pre: Preconditions) -> Operation:
    entity_id = _entity_id(value)
    name = value.get("attribute")
    if not isinstance(name, str):
        raise BadRequestData(
            "The operation names no attribute.",
            place="body:/attribute",
            remedy="Name the attribute whose number changes.",
        )
    check_attribute_name(name, "body:/attribute")
    amount = _number(value, "value")
    if amount is None:
        raise BadRequestData(
            "The operation has no value.", place="body:/value", remedy="Send the number to add."
        )
    low, high = _number(value, "min"), _number(value, "max")
    observed = value.get("observedAt")
    if observed is not None:
        check_datetime(observed, "body:/observedAt")
    iri = context.expand(name)

    def edit(entity: Entity, now: str) -> Entity:
        return semantics.add(
            entity, iri, amount, minimum=low, maximum=high, now=now, observed_at=observed
        )

    return _edit("add", entity_id, pre, edit)


_BUILDERS: dict[str, Callable[[dict[str, Any], Names, Preconditions], Operation]] = {
    "create": _create,
    "append": _append,
    "merge": _merge,
    "replace": _replace,
    "delete": _delete,
    "check": _check,
    "add": _add,
}
