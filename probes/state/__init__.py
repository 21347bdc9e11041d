"""The state of probes between runs: totals in the history or in the Pushgateway, and gauges."""
