"""What probes remember between runs: totals in the history or in the Pushgateway, and gauges."""
