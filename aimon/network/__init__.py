"""Network code shared by probes, load tests and clients of other services."""
