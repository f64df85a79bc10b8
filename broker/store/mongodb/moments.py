"""Heads and moments of history as documents, and back (pure)."""

from __future__ import annotations

from dataclasses import asdict

import orjson

from broker.store.history import Head, Moment, Resampled, TimeProperty, Which, Window
from broker.store.mongodb.rows import Document, joined

TIMES = {
    None: "time",
    TimeProperty.OBSERVED: "observed",
    TimeProperty.CREATED: "created",
    TimeProperty.MODIFIED: "modified",
    TimeProperty.DELETED: "deleted",
}
"""The field of a moment that a window looks at."""


def head_document(tenant: str, head: Head) -> Document:
    """Return the document of a head."""
    return {
        "_id": joined(tenant, head.id),
        "tenant": tenant,
        "id": head.id,
        "types": list(head.types),
        "created": head.created,
        "modified": head.modified,
        "deleted": head.deleted,
    }


def to_head(document: Document) -> Head:
    """Return the head of a document."""
    return Head(
        document["id"],
        tuple(document["types"]),
        document["created"],
        document["modified"],
        document["deleted"],
    )


def moment_document(
    tenant: str, entity_id: str, number: int, attribute: str, dataset: str, moment: Moment
) -> Document:
    """Return the document of a moment."""
    resampled = moment.resampled
    return {
        "_id": number,
        "tenant": tenant,
        "entity": entity_id,
        "attribute": attribute,
        "dataset": dataset,
        "name": moment.instance_id,
        "time": moment.time,
        "observed": moment.observed,
        "created": moment.created,
        "modified": moment.modified,
        "deleted": moment.deleted,
        "number": moment.number,
        "instance": orjson.dumps(moment.instance).decode(),
        "resampled": None if resampled is None else asdict(resampled),
    }


def to_moment(document: Document) -> Moment:
    """Return the moment of a document."""
    resampled = document["resampled"]
    return Moment(
        document["name"],
        document["observed"],
        document["created"],
        document["modified"],
        document["deleted"],
        document["number"],
        orjson.loads(document["instance"]),
        None if resampled is None else Resampled(**resampled),
    )


def meant(tenant: str, which: Which, window: Window) -> Document:
    """Return a filter on moments of a tenant, which those that are meant satisfy."""
    wanted: Document = {"tenant": tenant}
    if which.attributes is not None:
        wanted["attribute"] = {"$in": list(which.attributes)}
    if which.datasets is not None:
        wanted["dataset"] = {"$in": list(which.datasets)}
    bounds: Document = {}
    if window.start is not None:
        bounds["$gte"] = window.start
    if window.end is not None:
        bounds["$lt"] = window.end
    if bounds:
        wanted[TIMES[window.timeproperty]] = bounds
    return wanted
