"""A small HTTP client, for Pushgateways, Alertmanagers and Grafana."""
