"""Incidents: when they open and end, who belongs together, what is kept of them."""
