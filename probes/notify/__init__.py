"""Notifications: a queue in the history that survives restarts, and what each kind of channel is sent."""
