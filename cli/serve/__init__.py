"""`aimon serve`."""
