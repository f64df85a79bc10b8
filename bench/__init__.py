"""Benchmarks: the broker against a bare ASGI server. See `python -m bench --help`."""
