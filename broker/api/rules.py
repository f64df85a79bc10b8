"""`/ngsi-ld/ex/v1/typeRules`: rules the store enforces on entities of a type."""

from __future__ import annotations

from typing import Any

from broker.api.body import json_and_context, link_context
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import Response, json_response, no_content
from broker.errors import BadRequestData, ResourceNotFound
from broker.guard import Action
from broker.jsonld.context import Context
from broker.model.names import check_name
from broker.store.contract import Tx, TypeRules

_MEMBERS = ("appendOnly", "writer", "balanced", "bounded", "unlisted")


def _wrong(pointer: str, detail: str, remedy: str) -> BadRequestData:
    return BadRequestData(detail, place=f"body:/{pointer}", remedy=remedy)


def _name(value: Any, pointer: str, context: Context) -> str:
    if not isinstance(value, str):
        raise _wrong(pointer, "This is not an attribute name.", "Send a name as a string.")
    check_name(value, f"body:/{pointer}")
    return context.expand(value)


def _bound(value: Any, pointer: str) -> float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise _wrong(pointer, "The bound is not a number.", "Send a JSON number, or leave it out.")


def parse_rules(value: Any, context: Context) -> TypeRules:
    """Return the rules in a body; raises BadRequestData naming the member."""
    if not isinstance(value, dict):
        raise _wrong("", "The body is not a JSON object.", 'Send {"appendOnly": true}, say.')
    for member in value:
        if member not in _MEMBERS:
            raise _wrong(member, f"`{member}` is not a rule.", f"Use {', '.join(_MEMBERS)}.")
    append_only, unlisted = (_flag(value, name) for name in ("appendOnly", "unlisted"))
    writers = value.get("writer")
    if writers is not None and not (
        isinstance(writers, list) and all(isinstance(one, str) for one in writers)
    ):
        raise _wrong("writer", "writer is not a list of clients.", 'Send ["kijiko"], say.')
    balanced, balanced_by = _balanced(value.get("balanced"), context)
    return TypeRules(
        append_only,
        None if writers is None else frozenset(writers),
        balanced,
        balanced_by,
        _bounded(value.get("bounded"), context),
        unlisted,
    )


def _flag(value: dict[str, Any], member: str) -> bool:
    given = value.get(member, False)
    if not isinstance(given, bool):
        raise _wrong(member, f"{member} is not a boolean.", "Send true or false.")
    return given


def _balanced(value: Any, context: Context) -> tuple[str | None, str | None]:
    if value is None:
        return None, None
    if not isinstance(value, dict) or not {"attribute"} <= set(value) <= {"attribute", "by"}:
        raise _wrong(
            "balanced", "balanced names no attribute.", 'Send {"attribute": "amount"}, say.'
        )
    by = value.get("by")
    return (
        _name(value["attribute"], "balanced/attribute", context),
        None if by is None else _name(by, "balanced/by", context),
    )


def _bounded(value: Any, context: Context) -> tuple[tuple[str, float | None, float | None], ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _wrong(
            "bounded", "bounded is not a list.", 'Send [{"attribute": "seats", "min": 0}].'
        )
    bounds = []
    for index, one in enumerate(value):
        pointer = f"bounded/{index}"
        if not isinstance(one, dict) or not set(one) <= {"attribute", "min", "max"}:
            raise _wrong(pointer, "This is not a bound.", 'Send {"attribute": …, "min": …}.')
        low, high = (
            _bound(one.get("min"), f"{pointer}/min"),
            _bound(one.get("max"), f"{pointer}/max"),
        )
        if low is not None and high is not None and low > high:
            raise _wrong(
                pointer,
                f"Nothing lies between a min of {low} and a max of {high}.",
                "Let min be at most max.",
            )
        bounds.append((_name(one.get("attribute"), f"{pointer}/attribute", context), low, high))
    return tuple(bounds)


def _shown(iri: str, rules: TypeRules, context: Context) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": context.compact(iri)}
    if rules.append_only:
        shown["appendOnly"] = True
    if rules.writers is not None:
        shown["writer"] = sorted(rules.writers)
    if rules.balanced is not None:
        shown["balanced"] = {"attribute": context.compact(rules.balanced)}
        if rules.balanced_by is not None:
            shown["balanced"]["by"] = context.compact(rules.balanced_by)
    if rules.bounded:
        shown["bounded"] = [
            {
                "attribute": context.compact(name),
                **({} if low is None else {"min": low}),
                **({} if high is None else {"max": high}),
            }
            for name, low, high in rules.bounded
        ]
    if rules.unlisted:
        shown["unlisted"] = True
    return shown


async def list_rules(broker: Broker, request: Request) -> Response:
    """Return all rules of the tenant."""
    context = await link_context(broker, request)
    broker.guard.allow(request.caller, request.tenant, Action.ADMINISTER, None)
    rules = await broker.store.rules(request.tenant)
    return json_response([_shown(iri, one, context) for iri, one in sorted(rules.items())])


async def put_rules(broker: Broker, request: Request) -> Response:
    """Set the rules of a type; existing entities are not checked."""
    value, context = await json_and_context(broker, request)
    broker.guard.allow(request.caller, request.tenant, Action.ADMINISTER, None)
    check_name(request.path[0], "path:type")
    iri = context.expand(request.path[0])
    rules = parse_rules(value, context)

    async def work(tx: Tx) -> None:
        await tx.set_rules(iri, rules)

    await broker.store.write(request.tenant, work, client=request.caller.client, create_tenant=True)
    return no_content()


async def delete_rules(broker: Broker, request: Request) -> Response:
    """Remove the rules of a type."""
    context = await link_context(broker, request)
    broker.guard.allow(request.caller, request.tenant, Action.ADMINISTER, None)
    check_name(request.path[0], "path:type")
    iri = context.expand(request.path[0])

    async def work(tx: Tx) -> None:
        if iri not in await tx.rules():
            raise ResourceNotFound(
                "The type has no rules.", place="path:type", remedy="List them with GET typeRules."
            )
        await tx.set_rules(iri, None)

    await broker.store.write(request.tenant, work, client=request.caller.client)
    return no_content()
