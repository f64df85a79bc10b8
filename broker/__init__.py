"""NGSI-LD context broker: model, queries, store, change feed and HTTP binding.

Imports none of the other packages. Adapters and apps reach it over HTTP through `broker.client`.
"""

from importlib.metadata import version

__version__ = version("machi")
