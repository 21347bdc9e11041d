"""`aimon probe`: options, one-shot and looping runs, and their output."""
