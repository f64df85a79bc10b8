"""Transactions: a list of entity operations, all or nothing.

Operations run in order inside one unit of work; each sees what those before it wrote. The
first that fails undoes all and is named in the error's `operation`. The answer to an
`Idempotency-Key` is remembered in the same commit.
"""

from __future__ import annotations

from hashlib import blake2b

import orjson

from broker.entities.operations import Operation, located
from broker.entities.service import Entities
from broker.errors import IdempotencyMismatch, MachiError
from broker.guard import Action, Caller
from broker.store.contract import Answer, Tx


def digest(*parts: bytes) -> bytes:
    """Return what tells one request from another under the same idempotency key."""
    hashed = blake2b(digest_size=32)
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big"))
        hashed.update(part)
    return hashed.digest()


async def run_transaction(
    entities: Entities,
    caller: Caller,
    tenant: str,
    operations: list[Operation],
    idempotency: tuple[str, bytes] | None = None,
) -> tuple[int, bytes]:
    """Run all operations or none; return the answer's status and JSON.

    `idempotency` is the key and the request's digest; nothing is remembered of who shows no
    key, where a policy is in force, and only checks. A key seen before with the same digest
    gives the remembered answer and has no further effect; with another it raises
    IdempotencyMismatch. Failed transactions are not remembered, they had no effect.
    """
    for index, operation in enumerate(operations):
        try:
            entities.guard.allow(caller, tenant, operation.action, operation.entity_id)
        except MachiError as error:
            raise located(error, index) from None
    creates = any(operation.action is Action.CREATE for operation in operations)
    nobody = not (entities.guard.transparent or caller.client)
    if nobody and all(operation.action is Action.READ for operation in operations):
        idempotency = None

    async def work(tx: Tx) -> tuple[int, bytes]:
        if idempotency is not None:
            known = await tx.answer(_owned(caller, idempotency[0]))
            if known is not None:
                return _replayed(known, idempotency[1])
        results = []
        for index, operation in enumerate(operations):
            try:
                version = await operation.run(tx, entities, caller)
            except MachiError as error:
                raise located(error, index) from None
            results.append({"op": operation.op, "id": operation.entity_id, "version": version})
        body = orjson.dumps({"results": results})
        if idempotency is not None:
            answer = Answer(idempotency[1], 200, body)
            await tx.remember(_owned(caller, idempotency[0]), answer)
        return 200, body

    return await entities.store.write(tenant, work, client=caller.client, create_tenant=creates)


def _owned(caller: Caller, key: str) -> str:
    """Return the key as this client's own: one client cannot read another's answers."""
    return f"{caller.client}\n{key}"


def _replayed(known: Answer, fingerprint: bytes) -> tuple[int, bytes]:
    if known.digest != fingerprint:
        raise IdempotencyMismatch(
            "This Idempotency-Key was used before with another request.",
            place="header:Idempotency-Key",
            remedy="Use a new key for a new request; send the same body to repeat the old one.",
        )
    return known.status, known.body
