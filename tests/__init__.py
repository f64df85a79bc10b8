"""The tests. They mirror the packages; properties/, conformance/ and e2e/ stand beside them."""
