"""The requests of the crash clients over HTTP, and the broker's state read back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from broker.client import Event, parse_events
from tests.crash.model import ACCOUNT, ITEM, TRANSFER, Attrs, Kind, State, Step

API = "/ngsi-ld/v1"
OWN = "/ngsi-ld/ex/v1"
PAGE = 1000
NULL = "urn:ngsi-ld:null"


class Unanswered(Exception):
    """No answer came: whether the request took effect is unknown."""


class WrongAnswer(Exception):
    """An answer that this request cannot have."""


class Api:
    """The broker as the clients see it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Return status and body. Raises Unanswered unless the whole answer arrived."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        data = None if body is None else orjson.dumps(body)
        try:
            async with self._session.request(
                method, path, data=data, headers=sent | (headers or {})
            ) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise Unanswered(str(error)) from error

    async def perform(self, step: Step) -> tuple[bool, bytes]:
        """Send a step; return whether it took effect, and the answer. Raises WrongAnswer."""
        status, answer = await WAYS[step.kind](self, step)
        if step.kind is Kind.TRANSFER and status == 412:
            return False, answer
        if status not in {200, 201, 204}:
            raise WrongAnswer(f"{step.kind} {list(step.after)}: {status} {answer[:400]!r}")
        return True, answer

    async def state(self) -> State:
        """Return every entity of the run, simplified, page by page."""
        found: State = {}
        for kind in (ITEM, TRANSFER, ACCOUNT):
            for offset in range(0, 1 << 30, PAGE):
                query = f"type={kind}&format=simplified&limit={PAGE}&offset={offset}"
                status, answer = await self.call("GET", f"{API}/entities?{query}")
                if status != 200:
                    raise WrongAnswer(f"query of {kind}: {status} {answer[:400]!r}")
                page = orjson.loads(answer)
                found |= {entity["id"]: attributes(entity) for entity in page}
                if len(page) < PAGE:
                    break
        return found

    async def balances(self) -> list[int]:
        """Return the balances of all accounts, as one query sees them."""
        status, answer = await self.call(
            "GET", f"{API}/entities?type={ACCOUNT}&format=simplified&limit=100"
        )
        if status != 200:
            raise WrongAnswer(f"query of accounts: {status} {answer[:400]!r}")
        return [entity["balance"] for entity in orjson.loads(answer)]

    async def newest(self) -> int:
        """Return the sequence number of the newest change."""
        async with self.events(None) as events:
            return (await anext(events)).seq

    @asynccontextmanager
    async def events(self, after: int | None) -> AsyncIterator[AsyncIterator[Event]]:
        """Follow the change feed from behind `after`; None starts with what comes next."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        path = f"{OWN}/stream?format=simplified"
        async with self._session.get(path, headers=headers) as response:
            if response.status != 200:
                raise WrongAnswer(f"stream: {response.status} {(await response.read())[:400]!r}")
            yield (event async for _, event in parse_events(response.content.iter_any()) if event)


def attributes(entity: dict[str, Any]) -> Attrs:
    """Return the attributes of a simplified entity."""
    return {name: value for name, value in entity.items() if name not in {"id", "type"}}


def entity_of(entity_id: str, attrs: Attrs) -> dict[str, Any]:
    """Return the normalized entity; its type is in its id."""
    kind = entity_id.split(":")[2]
    return {"id": entity_id, "type": kind, **properties(attrs)}


def properties(attrs: Attrs) -> dict[str, Any]:
    """Return attributes in normalized form."""
    return {name: {"type": "Property", "value": value} for name, value in attrs.items()}


def transaction(step: Step) -> list[dict[str, Any]]:
    """Return the operations of a transaction."""
    operations: list[dict[str, Any]] = [
        {"op": "add", "id": account, "attribute": "balance", "value": amount, "min": 0}
        for account, amount in step.moves
    ]
    for entity_id, after in step.after.items():
        before = step.before[entity_id]
        if after is None:
            operations.append({"op": "delete", "id": entity_id})
        elif before is None:
            operations.append({"op": "create", "entity": entity_of(entity_id, after)})
        else:
            operations.append({"op": "merge", "id": entity_id, "attrs": patch(before, after)})
    return operations


def patch(before: Attrs, after: Attrs) -> dict[str, Any]:
    """Return the merge patch from one state to the other."""
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    removed = {name: {"type": "Property", "value": NULL} for name in before if name not in after}
    return properties(changed) | removed


def path(step: Step, suffix: str = "") -> str:
    """Return the path of the one entity a step is about."""
    (entity_id,) = step.after
    return f"{API}/entities/{quote(entity_id, safe=':')}{suffix}"


def only(step: Step) -> tuple[Attrs, Attrs]:
    """Return the one entity a step changes, before and after."""
    (before,), (after,) = step.before.values(), step.after.values()
    return before or {}, after or {}


async def create(api: Api, step: Step) -> tuple[int, bytes]:
    """POST an entity."""
    (entity_id,) = step.after
    return await api.call("POST", f"{API}/entities", entity_of(entity_id, only(step)[1]))


async def change_attributes(api: Api, step: Step) -> tuple[int, bytes]:
    """PATCH existing attributes, or POST (append) attributes of which some are new."""
    method = "PATCH" if step.kind is Kind.PATCH else "POST"
    return await api.call(method, path(step, "/attrs"), patch(*only(step)))


async def merge(api: Api, step: Step) -> tuple[int, bytes]:
    """PATCH the entity with a merge patch."""
    return await api.call("PATCH", path(step), patch(*only(step)))


async def delete(api: Api, step: Step) -> tuple[int, bytes]:
    """DELETE the entity."""
    return await api.call("DELETE", path(step))


async def upsert(api: Api, step: Step) -> tuple[int, bytes]:
    """POST a batch upsert."""
    batch = [entity_of(i, attrs) for i, attrs in step.after.items() if attrs is not None]
    return await api.call("POST", f"{API}/entityOperations/upsert", batch)


async def transact(api: Api, step: Step) -> tuple[int, bytes]:
    """POST a transaction with its idempotency key."""
    body = {"operations": transaction(step)}
    return await api.call("POST", f"{OWN}/transactions", body, {"Idempotency-Key": step.key})


WAYS: dict[Kind, Callable[[Api, Step], Awaitable[tuple[int, bytes]]]] = {
    Kind.CREATE: create,
    Kind.PATCH: change_attributes,
    Kind.APPEND: change_attributes,
    Kind.MERGE: merge,
    Kind.DELETE: delete,
    Kind.UPSERT: upsert,
    Kind.SEVERAL: transact,
    Kind.TRANSFER: transact,
}
