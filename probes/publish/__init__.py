"""Where Results go: the state, a Pushgateway, a textfile, a scrape."""
