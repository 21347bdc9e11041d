"""`aimon status`: the state of each endpoint from the history."""
