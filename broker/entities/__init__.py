"""Provision and consumption of entities: pure write semantics, the service, transactions."""
