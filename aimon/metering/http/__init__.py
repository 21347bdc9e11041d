"""Calls over httpx and httpx2, metered as their bytes pass."""
