"""`make conformance SUITE=<checkout>`: the ETSI NGSI-LD test suite against brokers started here."""
