"""What probes, load tests and everything else that opens connections share."""
