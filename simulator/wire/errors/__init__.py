"""Error bodies in each vendor's shape."""
