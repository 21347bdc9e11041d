"""Answers, as timed writes."""
