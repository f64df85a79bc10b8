"""The operations on stored contexts, and the identity of this source."""

from __future__ import annotations

from broker.api import contexts, identity
from broker.api.table import Body, Param, Route
from broker.contexts.directory import KINDS

_BASE = "/ngsi-ld/v1/jsonldContexts"
_EXAMPLE = {"@context": {"waterLevel": "https://example.org/terms/waterLevel"}}
_DETAILS = Param(
    "details",
    "Tell what is known of a context instead of its URL or content.",
    {"type": "boolean", "default": False},
)

CONTEXTS = [
    Route(
        "POST", _BASE, contexts.add, "add_context", "Host a context",
        "Stores the context for this tenant; only its `@context` is kept. It is used without a "
        "request wherever its URL is named.",
        body=Body("ContextDocument", _EXAMPLE),
        answers={201: ("Stored; Location has its path.", None)}, errors=(504,), tag="Contexts",
    ),
    Route(
        "GET", _BASE, contexts.listing, "list_contexts", "List contexts",
        "Contexts hosted by clients, created for answers of the broker, and cached copies.",
        query=(_DETAILS, Param("kind", "Only of this kind.", {"type": "string", "enum": [*KINDS]})),
        answers={200: ("URLs, or with details objects.", "ContextList")}, errors=(404,),
        tag="Contexts",
    ),
    Route(
        "GET", f"{_BASE}/{{contextId}}", contexts.serve, "serve_context", "Serve a context",
        "Of a cached copy only the details are served.", query=(_DETAILS,),
        answers={200: ("The context, or what is known of it.", "ContextDocument")},
        errors=(404, 422), tag="Contexts",
    ),
    Route(
        "DELETE", f"{_BASE}/{{contextId}}", contexts.delete, "delete_context",
        "Delete a context, or load a cached one again",
        query=(
            Param(
                "reload", "Fetch a cached context again instead; where that fails it stays.",
                {"type": "boolean", "default": False},
            ),
        ),
        answers={204: ("Done.", None)}, errors=(404, 504), tag="Contexts",
    ),
    Route(
        "GET", "/ngsi-ld/v1/info/sourceIdentity", identity.source_identity, "source_identity",
        "Who this context source is",
        answers={200: ("Alias of the tenant asked, time, and how long it runs.",
                       "ContextSourceIdentity")},
        tag="Contexts",
    ),
]  # fmt: skip
