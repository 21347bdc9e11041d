"""The model of a provider: latency, limits, texts and faults. Without I/O."""
