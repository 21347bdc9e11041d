"""`aimon status`: what the history says of each endpoint."""
