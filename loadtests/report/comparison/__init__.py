"""Compares two reports: differences, their statistical significance, and whether the runs are comparable."""
