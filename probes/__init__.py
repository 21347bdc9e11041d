"""Synthetic probes: one canary prompt to one endpoint, timed and judged."""
