"""Datasets: prompts and conversations from a file."""
