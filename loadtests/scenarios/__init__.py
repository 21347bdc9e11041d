"""Scenarios that ship with aimon: each file is an ordinary Locust file, and `aimon loadtest --list` names them."""
