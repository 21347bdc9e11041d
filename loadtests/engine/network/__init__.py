"""Below HTTP: names, routes, TCP, TLS, and when bytes were received."""
