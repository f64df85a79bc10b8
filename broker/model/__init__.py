"""Entities and attributes: data model, input validation, representations. Pure: no I/O."""
