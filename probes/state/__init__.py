"""What probes remember between runs: history, totals, windows. SQLite or the Pushgateway."""
