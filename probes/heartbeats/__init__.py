"""Programs that report in by themselves: what they said, whether they are late, and their uptime.

beats.py     what is stored: one row for each time that one reported in
state.py     how each is now, and its uptime: pure functions
"""
