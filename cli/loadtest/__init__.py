"""`aimon loadtest`: options, plan, the measuring process, and the view of it."""
