"""JSON-LD for names: @context loading, term expansion and compaction by term map.

`core` is the built-in NGSI-LD core context, `context` the term map, `definitions` turns context
documents into one, `loader` fetches and caches what a client refers to.
"""
