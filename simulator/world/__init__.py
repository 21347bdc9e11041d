"""The state of a running simulator, and its own account of what it did."""
