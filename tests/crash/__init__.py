"""Crashes and power cuts under load. See `python -m tests.crash --help`."""
