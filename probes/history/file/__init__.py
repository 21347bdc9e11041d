"""The file itself: its tables, its lock, reading it where nothing may be written, setting a damaged one aside."""
