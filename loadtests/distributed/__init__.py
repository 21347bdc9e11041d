"""A run over several processes or machines, on Locust's master and workers."""
