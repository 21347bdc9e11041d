"""The simulator as an HTTP server: from a request to its answer, and the control endpoints."""
