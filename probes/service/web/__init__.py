"""HTTP: the server, the application, who may ask, and the paths that operators and scrapers ask for."""
