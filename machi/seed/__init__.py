"""The demo town's facts (JSON, with their sources) and how they become entities.

`town.py` turns the facts into entities, `plant.py` puts them into a broker.
"""
