"""Searches for the capacity of an endpoint and the rate limits of an account. Pure: the caller runs each step."""
