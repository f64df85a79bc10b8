"""NGSI-LD context broker: model, queries, store, change feed and HTTP binding.

Imports none of the other packages. Adapters and apps reach it over HTTP through `broker.client`.
"""
