"""Recorded traces: arrival times and token counts from a file, and their replay."""
