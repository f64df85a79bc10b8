"""Smart Data Models: official ones from a built registry, own ones from their schemas.

`build` makes the registry at set-up; `registry` reads it; `vocabulary` makes the one pinned
@context; `validator` checks entities for the broker.
"""
