"""What a store keeps beside entities, as documents and back (pure)."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import orjson

from broker.model.change import emptied, revert
from broker.store.contract import Answer, Change, Committed, Kind, Resource, TypeRules
from broker.store.refusals import encode

Document: TypeAlias = dict[str, Any]

SEPARATOR: Final = "\x1f"


def joined(*parts: str) -> str:
    """Return an `_id` of names: the tenant first, joined by a separator no tenant has."""
    return SEPARATOR.join(parts)


def parted(key: str, count: int) -> list[str]:
    """Return the names that were `joined`, of which the last may hold anything."""
    return key.split(SEPARATOR, count - 1)


def answer_document(tenant: str, key: str, answer: Answer, at: str) -> Document:
    """Return the document of the answer to an idempotent request."""
    return {
        "_id": joined(tenant, key),
        "tenant": tenant,
        "at": at,
        "digest": answer.digest,
        "status": answer.status,
        "body": answer.body,
    }


def to_answer(document: Document) -> Answer:
    """Return the answer of a document."""
    return Answer(document["digest"], document["status"], document["body"])


def resource_document(tenant: str, resource: Resource) -> Document:
    """Return the document of a resource."""
    return {
        "_id": joined(tenant, resource.kind, resource.id),
        "tenant": tenant,
        "kind": resource.kind,
        "id": resource.id,
        "at": resource.at,
        "body": resource.body,
    }


def to_resource(document: Document) -> Resource:
    """Return the resource of a document."""
    return Resource(document["kind"], document["id"], document["at"], document["body"])


def change_document(committed: Committed) -> Document:
    """Return the document of a change: with the entity after it, for whoever reads it later."""
    change = committed.change
    return {
        "_id": change.seq,
        "tenant": change.tenant,
        "id": change.entity_id,
        "version": change.version,
        "kind": change.kind.value,
        "at": change.at,
        "delta": _json(change.delta),
        "before": _json(change.before),
        "entity": _json(committed.after),
    }


def to_change(document: Document) -> Change:
    """Return the change of a document."""
    return Change(
        document["_id"],
        document["tenant"],
        document["id"],
        document["version"],
        Kind(document["kind"]),
        document["at"],
        _loaded(document["delta"]),
        _loaded(document["before"]),
    )


def to_committed(document: Document) -> Committed:
    """Return a change with the entity before and after it."""
    change, after = to_change(document), _loaded(document["entity"])
    if after is None:
        return Committed(change, change.before, None)
    before = None if change.before is None else revert(after, change.before)
    return Committed(change, before, after)


def emptied_document(deletion: Document) -> str | None:
    """Return the `before` of a deletion of which the content is forgotten."""
    before = _loaded(deletion["before"])
    return None if before is None else _json(emptied(before, deletion["at"]))


def rules_document(tenant: str, type_iri: str, rules: TypeRules) -> Document:
    """Return the document of a type's rules."""
    return {
        "_id": joined(tenant, type_iri),
        "tenant": tenant,
        "type": type_iri,
        "append_only": rules.append_only,
        "writers": None if rules.writers is None else sorted(rules.writers),
        "balanced": rules.balanced,
        "balanced_by": rules.balanced_by,
        "bounded": [list(bound) for bound in rules.bounded],
        "unlisted": rules.unlisted,
    }


def to_rules(document: Document) -> TypeRules:
    """Return the rules of a document."""
    writers = document["writers"]
    return TypeRules(
        append_only=document["append_only"],
        writers=None if writers is None else frozenset(writers),
        balanced=document["balanced"],
        balanced_by=document["balanced_by"],
        bounded=tuple((iri, low, high) for iri, low, high in document["bounded"]),
        unlisted=document["unlisted"],
    )


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else encode(value).decode()


def _loaded(value: str | None) -> dict[str, Any] | None:
    return None if value is None else orjson.loads(value)
