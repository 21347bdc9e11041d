"""A small HTTP server, for metrics and for webhooks."""
