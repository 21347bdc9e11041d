"""The small commands, one file each."""
