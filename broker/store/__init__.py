"""Where entities live: the Store contract, the in-memory reference engine, SQLite."""
