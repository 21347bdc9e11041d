"""Records Results in the state and publishes them: Pushgateway, textfile, scrape."""
