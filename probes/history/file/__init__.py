"""The file itself: its schema, its lock, and reading it where nothing may be written."""
