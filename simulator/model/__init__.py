"""What a simulated provider is like: latency, limits, texts and faults. Pure."""
