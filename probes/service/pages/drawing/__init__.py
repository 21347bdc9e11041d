"""Uptime bars and charts, as SVG."""
