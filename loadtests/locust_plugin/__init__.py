"""aimon inside Locust: AIUser for locustfiles, and aimon's report of them."""
