"""What each route of the dispatch table asks the guard for."""

from __future__ import annotations

from typing import Final

from broker.guard import Action

READ, CREATE, UPDATE, DELETE = Action.READ, Action.CREATE, Action.UPDATE, Action.DELETE
SUBSCRIBE, ADMINISTER = Action.SUBSCRIBE, Action.ADMINISTER

ASKED: Final[dict[str, tuple[Action, ...]]] = {
    "query_entities": (READ,),
    "create_entity": (CREATE,),
    "purge_entities": (DELETE, READ, UPDATE),
    "retrieve_entity": (READ,),
    "replace_entity": (UPDATE,),
    "merge_entity": (UPDATE,),
    "delete_entity": (DELETE,),
    "append_attributes": (UPDATE,),
    "update_attributes": (UPDATE,),
    "partial_attribute_update": (UPDATE,),
    "replace_attribute": (UPDATE,),
    "delete_attribute": (UPDATE,),
    "batch_create": (CREATE,),
    "batch_upsert": (CREATE, UPDATE),
    "batch_update": (UPDATE,),
    "batch_merge": (UPDATE,),
    "query_by_post": (READ,),
    "batch_delete": (DELETE,),
    "list_types": (READ,),
    "retrieve_type": (READ,),
    "list_attributes": (READ,),
    "retrieve_attribute": (READ,),
    "query_history": (READ,),
    "upsert_history": (CREATE, UPDATE),
    "retrieve_history": (READ,),
    "delete_history": (DELETE,),
    "append_history": (UPDATE,),
    "delete_attribute_history": (UPDATE,),
    "modify_instance": (UPDATE,),
    "delete_instance": (UPDATE,),
    "query_history_by_post": (READ,),
    "create_subscription": (SUBSCRIBE,),
    "query_subscriptions": (SUBSCRIBE,),
    "retrieve_subscription": (SUBSCRIBE,),
    "update_subscription": (SUBSCRIBE,),
    "delete_subscription": (SUBSCRIBE,),
    "explain_subscription": (READ, SUBSCRIBE),
    "add_context": (CREATE,),
    "list_contexts": (READ,),
    "serve_context": (READ,),
    "delete_context": (ADMINISTER,),
    "create_registration": (ADMINISTER,),
    "query_registrations": (ADMINISTER, READ),
    "retrieve_registration": (READ,),
    "update_registration": (ADMINISTER,),
    "delete_registration": (ADMINISTER,),
    "create_registration_subscription": (SUBSCRIBE,),
    "query_registration_subscriptions": (SUBSCRIBE,),
    "retrieve_registration_subscription": (SUBSCRIBE,),
    "update_registration_subscription": (SUBSCRIBE,),
    "delete_registration_subscription": (SUBSCRIBE,),
    "run_transaction": (CREATE, DELETE, READ, UPDATE),
    "stream": (READ,),
    "explain_query": (ADMINISTER, READ),
    "issue_ticket": (READ,),
    "list_type_rules": (ADMINISTER,),
    "put_type_rules": (ADMINISTER,),
    "delete_type_rules": (ADMINISTER,),
    "query_dead_letters": (SUBSCRIBE,),
    "retrieve_dead_letter": (SUBSCRIBE,),
    "replay_dead_letter": (SUBSCRIBE,),
    "discard_dead_letter": (SUBSCRIBE,),
    "replay_dead_letters": (SUBSCRIBE,),
    "discard_dead_letters": (SUBSCRIBE,),
    "books": (ADMINISTER, SUBSCRIBE),
    "operator": (ADMINISTER,),
}
"""What a route asks for before it looks anything up."""

DETAILS: Final = frozenset({("query_registrations", ADMINISTER), ("explain_query", ADMINISTER)})
"""Where a refusal leaves something out of the answer, and is no refusal of the whole."""

UNASKED: Final = frozenset(
    {
        *("health", "ready", "metrics", "openapi", "docs", "explain_term", "source_identity"),
        *("sign_in", "sign_out", "current_session", "operator_sign_in", "operator_sign_out"),
        *("list_keys", "make_key", "rotate_key", "revoke_key", "list_counts", "retrieve_counts"),
        *("note_disclosures", "websocket", "disclosures", "operator_replay", "operator_discard"),
    }
)
"""Routes that show nothing of a tenant, or ask later: for a stream, a person, a form's token."""
