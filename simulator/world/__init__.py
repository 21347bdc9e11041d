"""The state of a running simulator, and its records."""
