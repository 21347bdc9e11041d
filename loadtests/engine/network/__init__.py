"""What a connection of a load test is made of: requests, addresses, TLS, receive times."""
