"""Searches that choose the next rate by what the last ones showed. Pure: whoever drives them does the calls."""
