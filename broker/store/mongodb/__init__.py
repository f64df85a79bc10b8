"""MongoDB behind the Store contract: how entities lie there, and queries as filter documents."""
